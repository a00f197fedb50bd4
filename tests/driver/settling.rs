//! How an upload's end settles: what the driver sees of the control connection, and what the store does meanwhile.

use std::time::Duration;

use sansftp::{
    config::Settings,
    storage::{StorageErrorKind, Stored},
};

use super::{
    client::{Client, Scene, logged, noise, send_all, settings},
    store::{Prepare, Write},
};

/// A killed client: the system closes both of its connections in good order.
#[test]
fn a_client_that_is_killed_has_not_sent_a_whole_file() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let data = user.store("/f");
    send_all(&scene.world, &data, b"half");
    data.finish();
    user.leave();
    assert_eq!(scene.store.calls(), ["open /f", "abort: ControlConnectionLost"]);
}

/// The same, when the runtime has noticed the end of the data only.
#[test]
fn the_end_of_the_control_connection_counts_before_the_runtime_has_noticed_it() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let data = user.store("/f");
    user.control().hide();
    user.control().finish();
    data.finish();
    scene.world.run();
    assert_eq!(scene.store.calls(), ["open /f", "abort: ControlConnectionLost"]);
}

/// The same, when there are commands before the end of the control connection.
#[test]
fn commands_before_the_end_of_the_control_connection_do_not_hide_it() {
    for commands in ["NOOP\r\n", "NOOP\r\nSTAT\r\nQUIT\r\n"] {
        let mut scene = Scene::new(settings());
        let mut user = scene.user();
        let data = user.store("/f");
        user.control().hide();
        user.control().send(commands.as_bytes());
        user.control().finish();
        data.finish();
        scene.world.run();
        assert_eq!(scene.store.calls(), ["open /f", "abort: ControlConnectionLost"]);
    }
}

/// Nor do more commands than the session takes, though it stops reading.
#[test]
fn a_full_backlog_does_not_hide_the_end_of_the_control_connection() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let data = user.store("/f");
    for _ in 0..100 {
        user.control().send(&b"PWD\r\n".repeat(1000));
        scene.world.run();
    }
    assert!(user.control().untaken() > 0, "the session has stopped reading");
    user.control().finish();
    scene.world.run();
    assert_eq!(scene.store.calls(), ["open /f"]);
    data.finish();
    scene.world.run();
    assert_eq!(scene.store.calls(), ["abort: ControlConnectionLost"]);
}

/// A runtime that cannot ask the system knows what it has read, and that counts.
#[test]
fn what_was_noticed_counts_also_without_a_look_at_the_system() {
    let mut scene = Scene::new(settings());
    scene.world.cannot_look();
    let mut user = scene.user();
    let data = user.store("/f");
    user.control().send(b"NOOP\r\n");
    user.control().finish();
    data.finish();
    scene.world.run();
    assert_eq!(scene.store.calls(), ["open /f", "abort: ControlConnectionLost"]);
}

fn with_grace() -> Settings {
    Settings { killed_client_grace: Duration::from_millis(5), ..settings() }
}

/// Linux closes the data connection of a killed client first, and may do something else before the other one.
#[test]
fn the_end_of_the_control_connection_may_follow_the_end_of_the_data() {
    let mut scene = Scene::new(with_grace());
    let mut user = scene.user();
    let data = user.store("/f");
    send_all(&scene.world, &data, b"half");
    scene.world.advance(Duration::from_millis(2));
    data.finish();
    scene.world.run();
    scene.world.advance(Duration::from_millis(4));
    assert_eq!(scene.store.calls(), ["open /f"]);
    user.leave();
    assert_eq!(scene.store.calls(), ["abort: ControlConnectionLost"]);
}

#[test]
fn an_upload_is_finished_after_its_grace() {
    for bytes in [&b""[..], b"all of it"] {
        let mut scene = Scene::new(with_grace());
        let mut user = scene.user();
        let data = user.store("/f");
        send_all(&scene.world, &data, bytes);
        scene.world.advance(Duration::from_millis(2));
        data.finish();
        scene.world.run();
        assert_eq!(scene.store.calls(), ["open /f"]);
        scene.world.advance(Duration::from_millis(5));
        assert_eq!(scene.store.calls(), ["finish", "stored"]);
        user.expect(&[226]);
    }
}

/// Whoever sends a small file and its end together was not killed in the middle of it.
#[test]
fn a_small_file_in_one_go_needs_no_grace() {
    let mut scene = Scene::new(with_grace());
    let mut user = scene.user();
    let data = user.store("/f");
    data.send(b"all of it");
    data.finish();
    user.expect(&[226]);
    assert_eq!(scene.store.calls(), ["open /f", "finish", "stored"]);
}

/// Whose bytes came without delay, and their end right behind them, is not waited for as long.
#[test]
fn an_upload_without_a_pause_waits_for_a_moment_only() {
    for (store, delay, grace) in [(0, 0, 300), (50, 0, 300), (0, 500, 4000), (50, 500, 4000), (0, 4000, 5000)]
    {
        let mut scene = Scene::new(with_grace());
        scene.store.on_write(Write::Waits);
        let mut user = scene.user();
        let data = user.store("/f");
        scene.world.advance(Duration::from_micros(delay));
        let content = noise(64 << 10);
        assert_eq!(data.send(&content), content.len());
        data.finish();
        scene.world.run();
        assert!(scene.let_writes_take(store, &mut user) > 0);
        scene.world.advance(Duration::from_micros(grace - 1));
        assert!(!scene.store.calls().contains(&"finish".into()), "{delay}");
        scene.world.advance(Duration::from_micros(1));
        user.expect(&[226]);
    }
}

/// Milliseconds pass.
fn advance(scene: &Scene, milliseconds: u64) {
    scene.world.advance(Duration::from_millis(milliseconds));
}

/// A scene with a grace, in which the first byte has come and the store waits with what it prepares.
fn preparing() -> (Scene, Client) {
    let mut scene = Scene::new(with_grace());
    scene.store.on_prepare(Prepare::Waits);
    let user = begin(&mut scene);
    assert_eq!(scene.store.calls(), ["open /f", "prepare"]);
    (scene, user)
}

/// Uploads a file whose end does not come at once.
fn begin(scene: &mut Scene) -> Client {
    let mut user = scene.user();
    let data = user.store("/f");
    send_all(&scene.world, &data, b"all of it");
    advance(scene, 2);
    data.finish();
    scene.world.run();
    user
}

#[test]
fn the_store_prepares_the_finish_while_the_end_settles() {
    let (scene, mut user) = preparing();
    advance(&scene, 4);
    scene.store.release(Ok(Stored::default()));
    scene.world.run();
    assert_eq!(scene.store.calls(), ["prepared"]);
    advance(&scene, 1);
    assert_eq!(scene.store.calls(), ["finish", "stored"]);
    user.expect(&[226]);
}

#[test]
fn a_finish_comes_behind_what_is_prepared_for_it() {
    let (scene, mut user) = preparing();
    advance(&scene, 50);
    assert_eq!(scene.store.calls(), [""; 0]);
    user.expect(&[]);
    scene.store.release(Ok(Stored::default()));
    user.expect(&[226]);
    assert_eq!(scene.store.calls(), ["prepared", "finish", "stored"]);
}

#[test]
fn an_abort_does_not_wait_for_what_is_prepared() {
    let (scene, mut user) = preparing();
    user.leave();
    assert_eq!(scene.store.calls(), ["abort: ControlConnectionLost"]);

    let (scene, mut user) = preparing();
    user.say("ABOR");
    user.expect(&[426, 226]);
    assert_eq!(scene.store.calls(), ["abort: ClientAborted"]);
}

#[test]
fn what_was_prepared_can_be_aborted() {
    let (scene, mut user) = preparing();
    scene.store.release(Ok(Stored::default()));
    scene.world.run();
    user.leave();
    assert_eq!(scene.store.calls(), ["prepared", "abort: ControlConnectionLost"]);
}

#[test]
fn the_time_of_a_finish_includes_what_is_prepared_for_it() {
    let (scene, mut user) = preparing();
    scene.advance(400);
    user.expect(&[451]);
    assert_eq!(scene.store.calls(), ["dropped"]);
}

#[test]
fn a_finish_that_cannot_be_prepared_has_failed() {
    for leaves in [false, true] {
        let mut scene = Scene::new(with_grace());
        scene.store.on_prepare(Prepare::Fails(StorageErrorKind::NoSpace));
        let mut user = begin(&mut scene);
        assert_eq!(scene.store.calls(), ["open /f", "prepare", "abort: StoreFailed"]);
        if leaves {
            // The client cannot be told, but the operator can.
            let log = logged(|| user.leave());
            assert!(log.contains("the store failed") && log.contains("path=\"/f\""), "{log}");
        } else {
            user.expect(&[]);
            advance(&scene, 5);
            user.expect(&[452]);
        }
        assert_eq!(scene.store.calls(), [""; 0]);
    }
}

#[test]
fn nothing_is_prepared_where_nobody_waits() {
    let mut scene = Scene::new(settings());
    scene.store.on_prepare(Prepare::Waits);
    let mut user = begin(&mut scene);
    user.expect(&[226]);
    assert_eq!(scene.store.calls(), ["open /f", "finish", "stored"]);
}
