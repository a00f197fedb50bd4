//! The server around the sessions: who may come, and how it ends.

use std::time::Duration;

use sansftp::{Settings, Stored};

use super::{
    client::{SERVER, Scene, settings},
    store::{Abort, Finish},
};

#[test]
fn each_limit_is_told_with_421_and_a_place_that_is_left_can_be_taken() {
    let settings = Settings { connections_limit: 3, connections_per_address_limit: 2, ..settings() };
    let mut scene = Scene::new(settings);
    let mut first = scene.client_from("192.0.2.7");
    let mut second = scene.client_from("192.0.2.7");
    first.expect(&[220]);
    second.expect(&[220]);
    let mut third = scene.client_from("192.0.2.7");
    third.expect(&[421]);
    assert!(third.is_closed());
    let mut other = scene.client_from("192.0.2.8");
    other.expect(&[220]);
    scene.client_from("192.0.2.9").expect(&[421]);
    first.leave();
    scene.client_from("192.0.2.7").expect(&[220]);
}

#[test]
fn thousands_of_clients_who_come_and_go_leave_nothing_behind() {
    let mut scene = Scene::new(settings());
    for number in 0..3000 {
        let mut client = scene.client_from("192.0.2.7");
        if number % 3 == 0 {
            client.control().send(b"\xFF\xF4\0\r\nUSER");
        }
        client.leave();
    }
    assert_eq!(scene.world.tasks(), 1);
    scene.client_from("192.0.2.7").expect(&[220]);
}

#[test]
fn an_error_of_accepting_does_not_end_the_server() {
    let mut scene = Scene::new(settings());
    scene.world.fail_accepts(3);
    let mut client = scene.client_from("192.0.2.7");
    client.expect(&[]);
    scene.advance(1);
    client.expect(&[220]);
}

#[test]
fn shutdown_tells_idle_clients_and_waits_for_transfers() {
    let mut scene = Scene::new(settings());
    scene.store.on_finish(Finish::Waits);
    let mut idle = scene.user();
    let mut busy = scene.user();
    let data = busy.store("/f");
    let server = scene.server.take().unwrap();
    let ended = scene.world.start(async move { server.shutdown(Duration::from_secs(100)).await });
    idle.expect(&[421]);
    assert!(idle.is_closed());
    idle.leave();
    assert!(scene.world.dial("192.0.2.7:5000".parse().unwrap(), SERVER.parse().unwrap()).is_none());

    data.send(b"all of it");
    data.finish();
    scene.advance(50);
    busy.expect(&[]);
    assert!(ended.lock().unwrap().is_none());
    scene.store.release(Ok(Stored::default()));
    busy.expect(&[226, 421]);
    busy.leave();
    assert!(ended.lock().unwrap().is_some());
    assert_eq!(scene.world.tasks(), 0);
}

#[test]
fn what_is_left_at_the_deadline_of_a_shutdown_is_aborted_and_told() {
    let mut scene = Scene::new(Settings { data_stall_timeout: Duration::from_secs(1000), ..settings() });
    let mut user = scene.user();
    let data = user.store("/f");
    data.send(b"half");
    let server = scene.server.take().unwrap();
    let ended = scene.world.start(async move { server.shutdown(Duration::from_secs(100)).await });
    scene.advance(99);
    assert!(ended.lock().unwrap().is_none());
    assert_eq!(scene.store.calls(), ["open /f"]);
    scene.advance(1);
    assert_eq!(scene.store.calls(), ["abort: ShuttingDown"]);
    user.expect(&[426, 421]);
    user.leave();
    assert!(ended.lock().unwrap().is_some());
    assert_eq!(scene.world.tasks(), 0);
}

#[test]
fn a_session_that_cannot_end_is_dropped_after_a_shutdown() {
    let mut scene = Scene::new(Settings { data_stall_timeout: Duration::from_secs(1000), ..settings() });
    scene.store.on_abort(Abort::Hangs);
    let mut user = scene.user();
    let data = user.store("/f");
    data.send(b"half");
    let server = scene.server.take().unwrap();
    let ended = scene.world.start(async move { server.shutdown(Duration::from_secs(100)).await });
    scene.advance(104);
    assert_eq!(scene.store.calls(), ["open /f", "abort: ShuttingDown"]);
    assert!(ended.lock().unwrap().is_none());
    scene.advance(1);
    assert!(ended.lock().unwrap().is_some());
    assert_eq!(scene.world.tasks(), 0);
}

#[test]
fn a_server_that_is_dropped_lets_its_sessions_run_on() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    scene.server = None;
    scene.world.run();
    assert!(scene.world.dial("192.0.2.7:5000".parse().unwrap(), SERVER.parse().unwrap()).is_none());
    let data = user.store("/f");
    data.finish();
    user.expect(&[226]);
    user.leave();
    assert_eq!(scene.world.tasks(), 0);
}
