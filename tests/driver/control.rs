//! The control connection: what it costs, how it ends, and that it holds nothing up.

use sansftp::Settings;

use super::{
    client::{Client, Scene, noise, receive_all, send_all, settings},
    store::Write,
    world::SOCKET_BUFFER,
};

#[test]
fn replies_that_nobody_reads_hold_neither_memory_nor_the_transfer() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let data = user.store("/f");
    let content = noise(1_000_000);

    // 100,000 commands are offered, again and again; no reply is read.
    let flood = "NOOP\r\n".repeat(100_000);
    let mut taken = 0;
    for piece in content.chunks(50_000) {
        taken += user.control().send(&flood.as_bytes()[taken..]);
        send_all(&scene.world, &data, piece);
    }
    // What the server holds is what it took, less what the two sockets hold.
    let settings = settings();
    let reply_length = "200 Done.\r\n".len();
    let executed = SOCKET_BUFFER + settings.reply_limit + 100 * reply_length;
    let most = executed + settings.backlog_limit + settings.line_limit + SOCKET_BUFFER;
    assert!(taken < most, "{taken} bytes of commands were taken");
    data.finish();
    scene.world.run();
    assert_eq!(scene.store.calls(), ["open /f", "finish", "stored"]);
    assert!(scene.store.content("/f").unwrap() == content);

    // Once the client reads, everything is answered.
    let mut replies = String::new();
    while taken < flood.len() || user.control().untaken() > 0 {
        taken += user.control().send(&flood.as_bytes()[taken..]);
        replies += &user.replies();
    }
    let noops = replies.lines().filter(|line| line.starts_with("200 ")).count();
    let stored = replies.lines().filter(|line| line.starts_with("226 ")).count();
    assert_eq!((noops, stored), (100_000, 1));
}

#[test]
fn commands_are_answered_while_data_never_stop_coming() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let data = user.store("/f");
    let content = noise(20_000);
    for _ in 0..200 {
        data.send(&content);
        user.say("NOOP");
        user.expect(&[200]);
    }
    user.say("STAT");
    user.expect(&[211]);
    user.say("ABOR");
    user.expect(&[426, 226]);
}

#[test]
fn a_session_sleeps_once_per_deadline_and_not_per_command() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let before = scene.world.sleeps();
    for _ in 0..100 {
        user.say("NOOP");
        user.expect(&[200]);
        scene.advance(1);
    }
    let sleeps = scene.world.sleeps() - before;
    assert!(sleeps <= 3, "{sleeps} sleeps for 100 commands");
    scene.advance(298);
    user.expect(&[]);
    scene.advance(1);
    user.expect(&[421]);
}

#[test]
fn quit_is_answered_and_then_the_connection_ends() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    user.say("QUIT");
    user.expect(&[221]);
    assert!(user.is_closed());
    assert_eq!(scene.world.tasks(), 2, "the server waits for the client's end");
    user.leave();
    assert_eq!(scene.world.tasks(), 1);
}

#[test]
fn a_client_that_does_not_close_after_quit_is_closed() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    user.say("QUIT");
    user.expect(&[221]);
    scene.advance(2);
    assert_eq!(scene.world.tasks(), 1);
}

#[test]
fn a_client_that_talks_on_after_quit_still_gets_its_last_reply() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    user.say("QUIT");
    for _ in 0..5 {
        user.control().send(&[b'x'; 1000]);
        scene.world.run();
    }
    user.expect(&[221]);
    assert!(!user.control().is_broken());
    // But not without end.
    for _ in 0..100 {
        user.control().send(&[b'x'; 1000]);
        scene.world.run();
    }
    assert_eq!(scene.world.tasks(), 1);
}

#[test]
fn a_client_that_reads_nothing_does_not_keep_its_session_from_ending() {
    let mut scene = Scene::new(Settings { log_in_timeout: std::time::Duration::from_secs(30), ..settings() });
    let client = scene.client();
    let flood = "HELP\r\n".repeat(20_000);
    let mut taken = 0;
    for _ in 0..100 {
        taken += client.control().send(&flood.as_bytes()[taken..]);
        scene.world.run();
    }
    scene.advance(30);
    assert_eq!(scene.world.tasks(), 2, "the 421 does not fit");
    scene.advance(10);
    assert_eq!(scene.world.tasks(), 1);
}

#[test]
fn a_client_that_is_gone_ends_its_session_whatever_it_was_doing() {
    let doings: [fn(&mut super::client::Client); 5] = [
        |_| {},
        |client| client.say("USER anna"),
        |client| {
            client.say("USER slow");
            client.say("PASS x");
        },
        |client| {
            client.say("USER anna");
            client.say("PASS secret");
            client.say("EPSV");
        },
        |client| {
            client.say("USER anna");
            client.say("PASS secret");
            client.say("EPSV");
            client.say("LIST");
        },
    ];
    for reset in [false, true] {
        for doing in doings {
            let mut scene = Scene::new(settings());
            let mut client = scene.client();
            doing(&mut client);
            if reset {
                client.control().reset();
            }
            client.leave();
            assert_eq!(scene.world.tasks(), 1);
            assert_eq!(scene.world.listening_ports(), [21]);
        }
    }
}

/// As `printf … | nc` does.
#[test]
fn what_came_before_the_client_ended_its_side_is_answered() {
    for last in ["PWD", "QUIT"] {
        let mut scene = Scene::new(settings());
        let mut client = scene.client();
        let script = format!("USER anna\r\nPASS secret\r\nTYPE I\r\nSTAT\r\n{last}\r\nPW");
        client.control().send(script.as_bytes());
        client.control().finish();
        client.expect(&[331, 230, 200, 211, if last == "QUIT" { 221 } else { 257 }]);
        assert!(client.is_closed());
        assert_eq!(scene.world.tasks(), 1, "nothing is waited for");
    }
}

#[test]
fn a_client_that_has_ended_its_side_gets_its_download() {
    let mut scene = Scene::new(settings());
    let mut user = scene.user();
    let data = user.store("/f");
    data.send(b"content");
    data.finish();
    user.expect(&[226]);
    let data = user.data();
    user.control().send(b"RETR /f\r\n");
    user.control().finish();
    assert_eq!(receive_all(&scene.world, &data), b"content");
    user.expect(&[125, 226]);
    assert!(user.is_closed());
}

/// A client that is killed ends its side, too.
#[test]
fn an_upload_whose_client_has_ended_its_side_counts_only_with_its_announced_size() {
    for (is_announced, is_before) in [(false, true), (false, false), (true, true), (true, false)] {
        let mut scene = Scene::new(settings());
        let mut user = scene.user();
        if is_announced {
            user.say("ALLO 4");
            user.expect(&[200]);
        }
        let data = user.store("/f");
        data.send(b"file");
        if is_before {
            scene.world.run();
        }
        user.control().finish();
        data.finish();
        user.expect(if is_announced { &[226] } else { &[426] });
        assert!(user.is_closed());
        let calls = scene.store.calls();
        let last = calls.last().unwrap();
        assert_eq!(last, if is_announced { "stored" } else { "abort: ControlConnectionLost" });
    }
}

#[test]
fn a_request_that_hangs_is_given_up() {
    let mut scene =
        Scene::new(Settings { log_in_timeout: std::time::Duration::from_secs(600), ..settings() });
    let mut client = scene.client();
    client.say("USER slow");
    client.say("PASS x");
    client.expect(&[331]);
    scene.advance(120);
    client.expect(&[421]);
}

#[test]
fn a_write_that_hangs_is_a_stall() {
    let mut scene = Scene::new(settings());
    scene.store.on_write(Write::Hangs);
    let mut user = scene.user();
    let data = user.store("/f");
    data.send(b"x");
    scene.advance(60);
    user.expect(&[426]);
    assert_eq!(scene.store.calls(), ["open /f", "abort: DataStalled"]);
}

#[test]
fn replies_that_leave_together_come_in_order() {
    let mut scene = Scene::new(settings());
    let mut client = scene.client();
    let commands: String = (0..40).map(|_| "NOOP\r\nSYST\r\nPWD\r\n").collect();
    client.control().send(commands.as_bytes());
    let codes = [200, 215, 530].repeat(40);
    let before = client.control().writes().len();
    let replies = client.replies();
    let writes = client.control().writes().len() - before;
    assert!(writes <= 8, "120 replies took {writes} writes");
    let found: Vec<u16> = replies.lines().map(|line| line[..3].parse().unwrap()).collect();
    assert_eq!(found, codes);
}

/// What each write of the control connection carried of these replies, which are the last ones.
fn parts_of<'a>(replies: &'a str, user: &Client) -> Vec<&'a str> {
    let (mut parts, mut rest) = (Vec::new(), replies);
    for length in user.control().writes().into_iter().rev() {
        if rest.is_empty() {
            break;
        }
        let (before, part) = rest.split_at(rest.len() - length);
        parts.insert(0, part);
        rest = before;
    }
    parts
}

#[track_caller]
fn expect_parts(user: &mut Client, codes: &[&str]) {
    let replies = user.replies();
    let parts = parts_of(&replies, user);
    let found: Vec<&str> = parts.iter().map(|part| &part[..3]).collect();
    assert_eq!(found, codes, "{parts:?}");
    assert!(parts.iter().all(|part| part.lines().count() == 1), "{parts:?}");
}

/// A client that reads the two replies at once may take the transfer for one that is still to come.
#[test]
fn a_preliminary_reply_leaves_before_a_transfer_that_is_over_at_once() {
    let mut scene = Scene::new(settings());
    scene.store.put("/f", b"short");
    scene.store.set_entries(3);
    let mut user = scene.user();
    for command in ["RETR /f", "LIST", "NLST", "MLSD", "LIST /f", "STOR /g", "STOR /f", "APPE /f", "STOU"] {
        let data = user.data();
        if command.starts_with(['S', 'A']) {
            data.send(b"new");
            data.finish();
        }
        user.say(command);
        expect_parts(&mut user, &["125", "226"]);
    }
}

#[test]
fn a_preliminary_reply_leaves_before_that_of_a_data_connection_that_is_refused_at_once() {
    let mut scene = Scene::new(settings());
    scene.store.put("/f", b"short");
    let mut user = scene.user();
    for command in ["RETR /f", "LIST", "STOR /g"] {
        user.say("PORT 192,0,2,50,200,1");
        user.expect(&[200]);
        user.say(command);
        expect_parts(&mut user, &["150", "425"]);
    }
}

#[test]
fn a_transfer_does_not_wait_for_a_client_that_leaves_its_preliminary_reply_unread() {
    let mut scene = Scene::new(settings());
    let content = noise(1000);
    scene.store.put("/f", &content);
    let mut user = scene.user();
    let data = user.data();
    // The replies to these fill the connection.
    let commands = "NOOP\r\n".repeat(SOCKET_BUFFER / "200 Done.\r\n".len());
    assert_eq!(user.control().send(commands.as_bytes()), commands.len());
    user.say("RETR /f");
    assert_eq!(receive_all(&scene.world, &data), content);
    assert!(scene.store.calls().contains(&"closed".to_owned()));
}
