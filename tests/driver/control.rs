//! The control connection: what it costs, how it ends, and that it holds nothing up.

use sansftp::Settings;

use super::{
    client::{Scene, noise, send_all, settings},
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
    let before = client.control().writes();
    let replies = client.replies();
    let writes = client.control().writes() - before;
    assert!(writes <= 8, "120 replies took {writes} writes");
    let found: Vec<u16> = replies.lines().map(|line| line[..3].parse().unwrap()).collect();
    assert_eq!(found, codes);
}
