//! How data connections are made, and by whom.

use std::net::SocketAddr;

use sansftp::{Settings, config::DataPeer};

use super::client::{Scene, receive_all, settings};

#[test]
fn a_stranger_on_the_passive_port_is_dropped_and_costs_nothing() {
    let mut scene = Scene::new(settings());
    scene.store.put("/f", b"not for strangers");
    let mut user = scene.user();
    let port = user.passive_port();
    let stranger: SocketAddr = "203.0.113.9:50000".parse().unwrap();
    let early = user.data_from(stranger, port).unwrap();
    user.say("RETR /f");
    user.expect(&[150]);
    let late = user.data_from(stranger, port).unwrap();
    for stranger in [early, late] {
        assert!(stranger.is_finished() || stranger.is_broken());
        assert!(stranger.receive().is_empty());
    }
    let data = user.data_from(user.address, port).unwrap();
    assert_eq!(receive_all(&scene.world, &data), b"not for strangers");
    user.expect(&[226]);
    assert_eq!(scene.world.listening_ports(), [21]);
}

#[test]
fn a_passive_port_takes_one_connection_only() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let port = user.passive_port();
    let _data = user.data_from(user.address, port).unwrap();
    assert!(user.data_from(user.address, port).is_none());
}

#[test]
fn a_new_passive_port_closes_the_old_one() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let first = user.passive_port();
    scene.world.occupy(first);
    let second = user.passive_port();
    let mut ports = scene.world.listening_ports();
    ports.sort_unstable();
    assert_eq!(ports, [21, second]);
    assert_ne!(first, second);
}

#[test]
fn passive_ports_come_from_the_range_and_busy_ones_are_passed_over() {
    let mut scene = Scene::new(Settings { passive_ports: Some(2000..=2003), ..settings() });
    for port in [2000, 2003] {
        scene.world.occupy(port);
    }
    let (mut first, mut second, mut third) = (scene.user(), scene.user(), scene.user());
    let mut ports = [first.passive_port(), second.passive_port()];
    ports.sort_unstable();
    assert_eq!(ports, [2001, 2002]);
    third.say("EPSV");
    let reply = third.replies();
    assert!(reply.starts_with("425 ") || reply.starts_with("421 ") || reply.starts_with("451 "), "{reply}");
    first.leave();
    assert!(ports.contains(&third.passive_port()));
}

#[test]
fn sessions_spread_over_the_range() {
    let mut scene = Scene::new(Settings { passive_ports: Some(2000..=2999), ..settings() });
    let mut user = scene.user();
    let ports: std::collections::HashSet<u16> = (0..20).map(|_| user.passive_port()).collect();
    assert!(ports.len() > 10, "{ports:?}");
    assert!(ports.iter().all(|port| (2000..=2999).contains(port)));
}

#[test]
fn a_port_that_a_client_has_not_used_is_not_its_next_one() {
    let mut scene = Scene::new(Settings { passive_ports: Some(2000..=2001), ..settings() });
    for number in 1..=20 {
        let mut user = scene.user_from(&format!("192.0.2.{number}"));
        let (first, second) = (user.passive_port(), user.passive_port());
        assert_ne!(first, second);
        user.leave();
    }
}

#[test]
fn a_range_of_one_port_has_no_other() {
    let mut scene = Scene::new(Settings { passive_ports: Some(2000..=2000), ..settings() });
    let mut user = scene.user();
    assert_eq!([user.passive_port(), user.passive_port()], [2000, 2000]);
}

/// Each stands for its like: the transfer is refused, given up, or has waited too long; the client is gone.
#[test]
fn a_port_rests_however_it_was_not_used() {
    let mut scene = Scene::new(settings());
    let mut ports = Vec::new();
    for number in 0..5 {
        let mut user = scene.user();
        ports.push(user.passive_port());
        match number {
            0 => user.say("RETR /nowhere"),
            1 => user.say("ABOR"),
            2 => {
                user.say("STOR /f");
                scene.advance(20);
            }
            3 => user.say("PORT 192,0,2,50,200,1"),
            _ => {}
        }
        assert_eq!(scene.world.listening_ports().len(), if number == 4 { 2 } else { 1 });
        user.leave();
    }
    let mut user = scene.user();
    assert!(!ports.contains(&user.passive_port()), "{ports:?}");
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 5);
}

#[test]
fn who_comes_first_by_mistake_does_not_use_a_port() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let first = user.passive_port();
    user.data_from("203.0.113.9:50000".parse().unwrap(), first).unwrap();
    assert_ne!(user.passive_port(), first);
}

#[test]
fn a_port_rests_for_one_client_and_for_a_time() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let first = user.passive_port();
    let second = user.passive_port();
    user.leave();

    let mut other = scene.user_from("192.0.2.51");
    assert_eq!(other.passive_port(), first);
    other.leave();

    scene.advance(119);
    let mut user = scene.user();
    let third = user.passive_port();
    assert!(![first, second].contains(&third));
    scene.advance(1);
    assert_eq!(user.passive_port(), first);
}

#[test]
fn a_port_that_was_used_does_not_rest() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let first = user.passive_port();
    drop(user.data_from(user.address, first).unwrap());
    user.say("ABOR");
    user.expect(&[226]);

    assert_eq!(user.passive_port(), first);
    user.say("LIST");
    receive_all(&scene.world, &user.data_from(user.address, first).unwrap());
    user.expect(&[150, 226]);

    assert_eq!(user.passive_port(), first);
}

#[test]
fn where_anybody_may_connect_a_port_rests_for_all() {
    let settings = Settings { data_peer: DataPeer::AnyAddress, ..settings() };
    let mut scene = Scene::new(settings);
    let first = scene.user().passive_port();
    assert_ne!(scene.user_from("192.0.2.51").passive_port(), first);
}

#[test]
fn an_error_of_accepting_does_not_end_the_wait() {
    let mut scene = Scene::new(settings());
    scene.store.put("/f", b"content");
    let mut user = scene.user();
    let port = user.passive_port();
    scene.world.fail_accepts(3);
    user.say("RETR /f");
    let data = user.data_from(user.address, port).unwrap();
    user.expect(&[150]);
    scene.advance(1);
    assert_eq!(receive_all(&scene.world, &data), b"content");
    user.expect(&[226]);
}

#[test]
fn in_active_mode_the_server_connects() {
    let mut scene = Scene::new(settings());
    scene.store.put("/f", b"content");
    let mut user = scene.user();
    let expected = scene.world.expect("192.0.2.50:2020".parse().unwrap());
    user.say("EPRT |1|192.0.2.50|2020|");
    user.say("RETR /f");
    let (data, from) = expected.take().expect("the server connects");
    assert_eq!(from.ip(), "192.0.2.1".parse::<std::net::IpAddr>().unwrap());
    assert_eq!(receive_all(&scene.world, &data), b"content");
    user.expect(&[200, 150, 226]);
}

#[test]
fn in_active_mode_a_refused_connection_is_425() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    user.say("EPRT |1|192.0.2.50|2020|");
    user.say("STOR /f");
    user.expect(&[200, 150, 425]);
    assert_eq!(scene.store.calls(), ["open /f", "abort: NoDataConnection"]);
}

/// As a server that listens for IPv6 sees an IPv4 client.
#[test]
fn a_client_in_the_ipv6_form_of_ipv4_is_an_ipv4_client() {
    let mut scene = Scene::at("[::ffff:192.0.2.1]:21", settings());
    scene.store.put("/f", b"content");
    let mut user = scene.client_from("::ffff:192.0.2.77");
    user.say("USER anna");
    user.say("PASS secret");
    user.say("TYPE I");
    user.expect(&[220, 331, 230, 200]);

    user.say("PASV");
    let reply = user.replies();
    let numbers: Vec<u16> = reply
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    assert_eq!(numbers[..5], [227, 192, 0, 2, 1], "{reply}");
    let port = numbers[5] * 256 + numbers[6];
    let data = user.data_from("192.0.2.77:2020".parse().unwrap(), port).expect("the port is an IPv4 one");
    user.say("RETR /f");
    assert_eq!(receive_all(&scene.world, &data), b"content");
    user.expect(&[125, 226]);

    let expected = scene.world.expect("192.0.2.77:2020".parse().unwrap());
    user.say("PORT 192,0,2,77,7,228");
    user.say("RETR /f");
    let (_, from) = expected.take().expect("the server connects");
    assert_eq!(from, "192.0.2.1:20".parse().unwrap());
}

#[test]
fn a_client_may_say_its_ipv4_address_in_the_form_of_ipv6() {
    let mut scene = Scene::at("[::ffff:192.0.2.1]:21", settings());
    scene.store.put("/f", b"content");
    let mut user = scene.client_from("::ffff:192.0.2.77");
    for line in ["USER anna", "PASS secret", "EPRT |2|::ffff:192.0.2.77|2020|"] {
        user.say(line);
    }
    user.expect(&[220, 331, 230, 200]);
    let expected = scene.world.expect("192.0.2.77:2020".parse().unwrap());
    user.say("RETR /f");
    let (_, from) = expected.take().expect("the server connects");
    assert_eq!(from, "192.0.2.1:20".parse().unwrap());
}

#[test]
fn another_host_may_be_said_in_the_form_of_ipv6_if_the_settings_allow_it() {
    let settings = Settings { data_peer: DataPeer::AnyAddress, ..settings() };
    let mut scene = Scene::new(settings);
    scene.store.put("/f", b"content");
    let mut user = scene.user();
    let expected = scene.world.expect("203.0.113.9:2020".parse().unwrap());
    user.say("EPRT |2|::ffff:203.0.113.9|2020|");
    user.say("RETR /f");
    expected.take().expect("the server connects");
}

/// A link-local address is nothing without its zone, which the commands of FTP cannot say.
#[test]
fn a_link_local_client_keeps_its_zone() {
    let mut scene = Scene::at("[fe80::1%3]:21", settings());
    scene.store.put("/f", b"content");
    let mut user = scene.client_from("fe80::2%3");
    user.say("USER anna");
    user.say("PASS secret");
    let port = {
        user.expect(&[220, 331, 230]);
        user.passive_port()
    };
    let server: SocketAddr = format!("[fe80::1%3]:{port}").parse().unwrap();
    assert!(scene.world.dial("[fe80::2%3]:2020".parse().unwrap(), server).is_some());

    let expected = scene.world.expect("[fe80::2%3]:2020".parse().unwrap());
    user.say("EPRT |2|fe80::2|2020|");
    user.say("RETR /f");
    expected.take().expect("the server connects");
}
