//! The life of an upload: each way that it can end, and what the store sees of it.

use std::time::Duration;

use sansftp::{
    Settings, StorageError, StorageErrorKind, Stored,
    config::{FinishOverdue, FinishPatience},
};

use super::{
    client::{Scene, logged, noise, send_all, settings},
    store::{Abort, Finish, Write},
};

#[test]
fn the_226_leaves_after_the_finish_and_not_before() {
    let mut scene = Scene::new(settings());
    scene.store.on_finish(Finish::Waits);
    let mut user = scene.user();
    let data = user.store("/f");
    send_all(&scene.world, &data, b"all of it");
    data.finish();
    scene.world.run();
    assert!(data.is_finished(), "the data connection is closed before the finish is awaited");
    assert_eq!(scene.store.calls(), ["open /f", "finish"]);
    user.expect(&[]);
    scene.advance(299);
    user.expect(&[]);
    scene.store.release(Ok(Stored { note: Some("kept as 17".into()) }));
    let reply = user.replies();
    assert!(reply.starts_with("226 ") && reply.contains("kept as 17"), "{reply}");
    assert_eq!(scene.store.calls(), ["stored"]);
    assert_eq!(scene.store.content("/f").unwrap(), b"all of it");
}

#[test]
fn lines_of_a_226_are_sent_while_the_finish_runs() {
    let patience =
        FinishPatience::ContinueAfter { silence: Duration::from_secs(10), every: Duration::from_secs(5) };
    let mut scene = Scene::new(Settings { finish_patience: patience, ..settings() });
    for result in [Ok(Stored::default()), Err(StorageErrorKind::NoSpace)] {
        scene.store.on_finish(Finish::Waits);
        let mut user = scene.user();
        let data = user.store("/f");
        data.finish();
        scene.world.run();
        for (seconds, expected) in [(9, ""), (1, "226-Still storing the file.\r\n"), (4, "")] {
            scene.advance(seconds);
            assert_eq!(user.replies(), expected);
        }
        let is_stored = result.is_ok();
        scene.store.release(result);
        let reply = user.replies();
        assert!(reply.starts_with(if is_stored { "226 " } else { "226-No: 452 " }), "{reply}");
        assert_eq!(user.is_closed(), !is_stored);
    }
}

#[test]
fn a_finish_that_fails_is_told_with_its_own_code() {
    let kinds = [
        (StorageErrorKind::Busy, 450),
        (StorageErrorKind::Failed, 451),
        (StorageErrorKind::NoSpace, 452),
        (StorageErrorKind::PermissionDenied, 550),
        (StorageErrorKind::ContentRefused, 551),
        (StorageErrorKind::OverQuota, 552),
        (StorageErrorKind::NameRefused, 553),
    ];
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    for (kind, code) in kinds {
        scene.store.on_finish(Finish::Fails(kind));
        let data = user.store("/f");
        data.send(b"x");
        data.finish();
        user.expect(&[code]);
        assert_eq!(scene.store.calls(), ["open /f", "finish"]);
    }
    assert_eq!(scene.store.content("/f"), None);
}

#[test]
fn a_data_connection_that_breaks_is_an_abort() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let data = user.store("/f");
    send_all(&scene.world, &data, b"half");
    data.reset();
    user.expect(&[426]);
    assert_eq!(scene.store.calls(), ["open /f", "abort: DataConnectionLost"]);
}

#[test]
fn a_data_connection_that_stalls_is_an_abort() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let data = user.store("/f");
    for _ in 0..5 {
        send_all(&scene.world, &data, b"some");
        scene.advance(59);
        user.expect(&[]);
    }
    scene.advance(1);
    user.expect(&[426]);
    assert_eq!(scene.store.calls(), ["open /f", "abort: DataStalled"]);
    assert!(data.is_finished() || data.is_broken());
}

#[test]
fn bytes_that_came_in_the_last_moment_are_no_stall() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let data = user.store("/f");
    scene.advance(59);
    data.send(b"late");
    // The clock goes on and the bytes are there, all in one poll.
    scene.advance(1);
    user.expect(&[]);
    data.finish();
    user.expect(&[226]);
}

#[test]
fn an_abor_stops_a_write_that_hangs() {
    let mut scene = Scene::new(settings());
    scene.store.on_write(Write::Hangs);
    let mut user = scene.user();
    let data = user.store("/f");
    data.send(b"half");
    user.say("ABOR");
    user.expect(&[426, 226]);
    assert_eq!(scene.store.calls(), ["open /f", "abort: ClientAborted"]);
    assert!(data.is_finished() || data.is_broken());
}

#[test]
fn an_abor_stops_a_finish_that_can_be_stopped() {
    let mut scene = Scene::new(settings());
    scene.store.let_finish_stop();
    scene.store.on_finish(Finish::Waits);
    let mut user = scene.user();
    let data = user.store("/f");
    data.finish();
    scene.world.run();
    user.say("ABOR");
    user.expect(&[426, 226]);
    assert_eq!(scene.store.calls(), ["open /f", "finish", "dropped at the end"]);
}

#[test]
fn an_abor_waits_for_a_finish_that_cannot_be_stopped() {
    let mut scene = Scene::new(settings());
    scene.store.on_finish(Finish::Waits);
    let mut user = scene.user();
    let data = user.store("/f");
    data.finish();
    scene.world.run();
    user.say("ABOR");
    user.expect(&[]);
    scene.store.release(Ok(Stored::default()));
    user.expect(&[226, 226]);
    assert_eq!(scene.store.calls(), ["open /f", "finish", "stored"]);
}

#[test]
fn an_abort_that_hangs_is_dropped_at_its_deadline() {
    let mut scene = Scene::new(settings());
    scene.store.on_abort(Abort::Hangs);
    let mut user = scene.user();
    let data = user.store("/f");
    user.say("ABOR");
    user.expect(&[]);
    assert!(data.is_finished(), "the data connection is closed before the abort");
    scene.advance(30);
    user.expect(&[426, 226]);
    assert_eq!(scene.store.calls(), ["open /f", "abort: ClientAborted", "dropped at the end"]);
}

#[test]
fn a_write_that_fails_is_an_abort_with_its_own_code() {
    let mut scene = Scene::new(settings());
    scene.store.on_write(Write::Fails(StorageErrorKind::NoSpace));
    let mut user = scene.user();
    let data = user.store("/f");
    data.send(b"too much");
    user.expect(&[452]);
    assert_eq!(scene.store.calls(), ["open /f", "abort: StoreFailed"]);
}

/// An operator who is called for what a user may not do stops to listen.
#[test]
fn what_a_store_refuses_is_no_warning() {
    for (kind, code) in [(StorageErrorKind::OverQuota, 552), (StorageErrorKind::ContentRefused, 551)] {
        for is_refused_at_its_end in [false, true] {
            let mut scene = Scene::new(settings());
            if is_refused_at_its_end {
                scene.store.on_finish(Finish::Fails(kind));
            } else {
                scene.store.on_write(Write::Fails(kind));
            }
            let mut user = scene.user();
            let log = logged(|| {
                let data = user.store("/f");
                data.send(b"what nobody wants");
                data.finish();
                user.expect(&[code]);
            });
            let is_told = log.contains("refused") && log.contains(&StorageError::from(kind).to_string());
            assert!(is_told && !log.contains("WARN") && !log.contains("failed"), "{log}");
        }
    }
}

#[test]
fn without_a_data_connection_the_upload_is_aborted() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let port = user.passive_port();
    user.say("STOR /f");
    user.expect(&[150]);
    scene.advance(20);
    user.expect(&[425]);
    assert_eq!(scene.store.calls(), ["open /f", "abort: NoDataConnection"]);
    assert!(!scene.world.listening_ports().contains(&port));
}

#[test]
fn a_promise_of_allo_that_is_not_kept_is_an_abort() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    user.say("ALLO 10");
    let _ = user.replies();
    let data = user.store("/f");
    data.send(b"nine bytes"[..9].as_ref());
    data.finish();
    user.expect(&[426]);
    assert_eq!(scene.store.calls(), ["open /f", "abort: Incomplete"]);
}

#[test]
fn a_control_connection_that_is_lost_while_data_come_is_an_abort() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let data = user.store("/f");
    send_all(&scene.world, &data, b"half");
    user.leave();
    assert_eq!(scene.store.calls(), ["open /f", "abort: ControlConnectionLost"]);
    data.send(b"more");
    data.finish();
    scene.world.run();
    assert_eq!(scene.store.calls(), [""; 0]);
    assert_eq!(scene.world.tasks(), 1, "the session's task ended, the listener's runs on");
}

#[test]
fn a_finish_runs_on_when_the_control_connection_is_lost() {
    let mut scene = Scene::new(settings());
    scene.store.on_finish(Finish::Waits);
    let mut user = scene.user();
    let data = user.store("/f");
    data.send(b"whole");
    data.finish();
    scene.world.run();
    user.leave();
    scene.advance(200);
    assert_eq!(scene.store.calls(), ["open /f", "finish"]);
    assert_eq!(scene.world.tasks(), 2);
    scene.store.release(Ok(Stored::default()));
    scene.world.run();
    assert_eq!(scene.store.calls(), ["stored"]);
    assert_eq!(scene.world.tasks(), 1);
}

#[test]
fn a_finish_that_nobody_waits_for_has_a_deadline_too() {
    let mut scene = Scene::new(settings());
    scene.store.on_finish(Finish::Waits);
    let mut user = scene.user();
    let data = user.store("/f");
    data.finish();
    scene.world.run();
    user.leave();
    scene.advance(300);
    assert_eq!(scene.store.calls(), ["open /f", "finish", "dropped at the end"]);
    assert_eq!(scene.world.tasks(), 1);
}

#[test]
fn an_overdue_finish_is_dropped() {
    let mut scene = Scene::new(settings());
    scene.store.on_finish(Finish::Waits);
    let mut user = scene.user();
    let data = user.store("/f");
    data.finish();
    scene.advance(299);
    user.expect(&[]);
    scene.advance(1);
    user.expect(&[451]);
    assert_eq!(scene.store.calls(), ["open /f", "finish", "dropped at the end"]);
}

#[test]
fn an_overdue_finish_goes_on_in_the_background_if_the_settings_say_so() {
    let settings = Settings { finish_overdue: FinishOverdue::Detach, detached_limit: 2, ..settings() };
    let mut scene = Scene::new(settings);
    scene.store.on_finish(Finish::Waits);
    let mut user = scene.user();
    for name in ["/one", "/two"] {
        let data = user.store(name);
        data.finish();
        scene.advance(300);
        user.expect(&[451]);
    }
    assert_eq!(scene.store.calls(), ["open /one", "finish", "open /two", "finish"]);

    // There is no room for a third one.
    let data = user.store("/three");
    data.finish();
    scene.advance(300);
    user.expect(&[451]);
    assert_eq!(scene.store.calls(), ["open /three", "finish", "dropped at the end"]);

    scene.store.release(Ok(Stored::default()));
    scene.store.release(Err(StorageErrorKind::NoSpace));
    scene.world.run();
    assert_eq!(scene.store.calls(), ["stored"]);
    user.say("STAT");
    let status = user.replies();
    assert!(status.contains("/one: stored") && status.contains("/two: No space left"), "{status}");
}

#[test]
fn a_detached_finish_outlives_its_session_up_to_its_own_deadline() {
    let settings = Settings { finish_overdue: FinishOverdue::Detach, ..settings() };
    let mut scene = Scene::new(settings);
    scene.store.on_finish(Finish::Waits);
    let mut user = scene.user();
    for name in ["/one", "/two"] {
        let data = user.store(name);
        data.finish();
        scene.advance(300);
        user.expect(&[451]);
    }
    user.leave();
    scene.store.release(Ok(Stored::default()));
    scene.world.run();
    assert_eq!(scene.store.calls(), ["open /one", "finish", "open /two", "finish", "stored"]);
    assert_eq!(scene.world.tasks(), 2);
    scene.advance(60 * 60);
    assert_eq!(scene.store.calls(), ["dropped at the end"]);
    assert_eq!(scene.world.tasks(), 1);
}

#[test]
fn a_store_that_panics_ends_its_own_session_only() {
    let mut scene = Scene::new(settings());
    let mut witness = scene.user();
    let mut user = scene.user();
    let data = user.store("/f");
    scene.store.on_write(Write::Panics);
    data.send(b"half");
    scene.world.run();
    assert_eq!(scene.store.calls(), ["open /f", "dropped"], "dropping an upload is an abort");
    assert!(user.is_closed());
    scene.store.on_write(Write::Takes);
    let data = witness.store("/g");
    data.finish();
    witness.expect(&[226]);
}

#[test]
fn every_byte_arrives_in_its_place() {
    for write in [Write::Takes, Write::Keeps] {
        for chunk_size in [512, 256 << 10] {
            let mut scene = Scene::new(Settings { chunk_size, ..settings() });
            scene.store.on_write(write);
            let mut user = scene.user();
            for length in [0, 1, 511, 16 << 10, (16 << 10) + 1, 700_001] {
                let content = noise(length);
                let data = user.store("/f");
                send_all(&scene.world, &data, &content);
                data.finish();
                user.expect(&[226]);
                assert!(
                    scene.store.content("/f").unwrap() == content,
                    "{length} bytes, chunks of {chunk_size}"
                );
            }
        }
    }
}

#[test]
fn lines_of_type_a_are_converted_wherever_they_are_cut() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    user.say("TYPE A");
    user.expect(&[200]);
    let data = user.store("/f");
    for piece in [&b"one\r"[..], b"\ntwo\r\nthr", b"ee\r"] {
        data.send(piece);
        scene.world.run();
    }
    data.finish();
    user.expect(&[226]);
    assert_eq!(scene.store.content("/f").unwrap(), b"one\ntwo\nthree\r");
}

/// The client has sent all of it, and waits for the store only.
#[test]
fn an_upload_does_not_stall_while_the_store_takes_it() {
    const CHUNK_SIZE: usize = 4 << 10;
    let mut scene = Scene::new(Settings { chunk_size: CHUNK_SIZE, ..settings() });
    scene.store.on_write(Write::Waits);
    let mut user = scene.user();
    let content = noise(3 * CHUNK_SIZE);
    let data = user.store("/f");
    assert_eq!(data.send(&content), content.len());
    data.finish();
    scene.world.run();
    let writes = scene.let_writes_take(50, &mut user);
    user.expect(&[226]);
    assert!(writes > 1 && scene.store.content("/f") == Some(content), "{writes} writes");
}

/// What moves last, and the end behind it, come in one poll. Then the end of the control connection is waited for.
#[test]
fn an_upload_does_not_stall_between_its_end_and_its_finish() {
    let grace = Duration::from_secs(12);
    let mut scene = Scene::new(Settings { killed_client_grace: grace, ..settings() });
    scene.store.on_write(Write::Waits);
    let mut user = scene.user();
    let data = user.store("/f");
    scene.advance(4);
    data.send(b"all of it");
    data.finish();
    scene.world.run();
    assert_eq!(scene.let_writes_take(50, &mut user), 1);
    scene.advance(11);
    user.expect(&[]);
    scene.advance(1);
    user.expect(&[226]);
    assert_eq!(scene.store.content("/f").unwrap(), b"all of it");
}
