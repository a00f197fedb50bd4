//! Files and listings on their way to the client.

use std::time::Duration;

use sansftp::Settings;

use super::client::{Client, Scene, noise, receive_all, settings};

/// A transfer to the client that has its data connection and its `125`.
fn begin(user: &mut Client, command: &str) -> super::world::Socket {
    let data = user.data();
    user.say(command);
    let replies = user.replies();
    assert!(replies.starts_with("125 "), "{replies}");
    data
}

#[test]
fn every_byte_is_sent_in_its_place() {
    for chunk_size in [512, 256 << 10] {
        let mut scene = Scene::new(Settings { chunk_size, ..settings() });
        let mut user = scene.user();
        for length in [0, 1, 16 << 10, 700_001] {
            let content = noise(length);
            scene.store.put("/f", &content);
            let data = user.data();
            user.say("RETR /f");
            assert!(receive_all(&scene.world, &data) == content, "{length} bytes, chunks of {chunk_size}");
            user.expect(&[125, 226]);
            assert_eq!(scene.store.calls(), ["open /f", "closed"]);
        }
    }
}

#[test]
fn the_226_waits_until_the_last_byte_is_handed_over() {
    let mut scene = Scene::new(settings());
    scene.store.put("/f", &noise(200_000));
    let mut user = scene.user();
    let data = begin(&mut user, "RETR /f");
    let mut received = 0;
    while received < 200_000 - super::world::SOCKET_BUFFER {
        user.expect(&[]);
        received += data.receive_some(10_000).len();
        scene.world.run();
    }
    user.expect(&[226]);
}

/// A client that finds both replies in one read may wait for ever.
#[test]
fn the_226_of_what_is_small_waits_until_the_client_has_closed_its_side() {
    let mut scene = Scene::new(patient_settings());
    scene.store.put("/f", b"short");
    scene.store.set_entries(3);
    let mut user = scene.user();
    for command in ["RETR /f", "LIST", "NLST", "MLSD", "LIST /f"] {
        let data = user.data();
        user.say(command);
        user.expect(&[125]);
        assert!(!receive_all(&scene.world, &data).is_empty(), "{command}");
        user.expect(&[]);
        data.finish();
        user.expect(&[226]);
    }
}

#[test]
fn a_client_that_does_not_close_its_side_is_waited_for_only_a_moment() {
    let mut scene = Scene::new(patient_settings());
    scene.store.put("/f", b"short");
    let mut user = scene.user();
    let data = begin(&mut user, "RETR /f");
    assert_eq!(receive_all(&scene.world, &data), b"short");
    scene.world.advance(Duration::from_millis(19));
    user.expect(&[]);
    scene.world.advance(Duration::from_millis(1));
    user.expect(&[226]);
}

#[test]
fn after_a_download_that_took_longer_nobody_is_waited_for() {
    let mut scene = Scene::new(patient_settings());
    let content = noise(200_000);
    scene.store.put("/f", &content);
    let mut user = scene.user();
    let data = begin(&mut user, "RETR /f");
    scene.world.advance(Duration::from_millis(20));
    assert!(receive_all(&scene.world, &data) == content);
    user.expect(&[226]);
}

fn patient_settings() -> Settings {
    Settings { data_close_grace: Duration::from_millis(20), ..settings() }
}

#[test]
fn a_client_that_takes_nothing_more_is_given_up() {
    let mut scene = Scene::new(settings());
    scene.store.put("/f", &noise(500_000));
    let mut user = scene.user();
    let data = begin(&mut user, "RETR /f");
    scene.advance(59);
    data.receive_some(10_000);
    scene.advance(59);
    user.expect(&[]);
    scene.advance(1);
    user.expect(&[426]);
    assert_eq!(scene.store.calls(), ["open /f", "closed"]);
}

#[test]
fn a_file_that_is_cut_while_it_is_sent_ends_in_426() {
    let mut scene = Scene::new(settings());
    scene.store.put("/cut", b"what is left");
    let mut user = scene.user();
    let data = user.data();
    user.say("RETR /cut");
    assert_eq!(receive_all(&scene.world, &data), b"what is left");
    user.expect(&[125, 426]);
}

#[test]
fn a_data_connection_that_breaks_ends_a_download() {
    let mut scene = Scene::new(settings());
    scene.store.put("/f", &noise(500_000));
    let mut user = scene.user();
    let data = begin(&mut user, "RETR /f");
    data.reset();
    user.expect(&[426]);
    assert_eq!(scene.store.calls(), ["open /f", "closed"]);
}

#[test]
fn an_abor_stops_a_download() {
    let mut scene = Scene::new(settings());
    scene.store.put("/f", &noise(500_000));
    let mut user = scene.user();
    let _data = begin(&mut user, "RETR /f");
    user.say("ABOR");
    user.expect(&[426, 226]);
    assert_eq!(scene.store.calls(), ["open /f", "closed"]);
}

/// Bytes that nobody has read would turn the end of the file into a reset, and take its last bytes with it.
#[test]
fn a_client_that_sends_where_it_should_only_receive_gets_the_whole_file() {
    let mut scene = Scene::new(settings());
    let content = noise(200_000);
    scene.store.put("/f", &content);
    let mut user = scene.user();
    let data = begin(&mut user, "RETR /f");
    assert_eq!(data.send(&[0; 10_000]), 10_000);
    assert!(receive_all(&scene.world, &data) == content);
    user.expect(&[226]);
}

#[test]
fn lines_of_type_a_are_sent_with_cr_lf() {
    let mut scene = Scene::new(settings());
    scene.store.put("/f", b"one\ntwo\n");
    let mut user = scene.user();
    user.say("TYPE A");
    user.expect(&[200]);
    let data = user.data();
    user.say("RETR /f");
    assert_eq!(receive_all(&scene.world, &data), b"one\r\ntwo\r\n");
}

#[test]
fn a_big_directory_is_listed_page_by_page_as_the_client_takes_it() {
    let mut scene = Scene::new(settings());
    scene.store.set_entries(100_000);
    let mut user = scene.user();
    let data = begin(&mut user, "NLST");
    let pages = scene.store.pages();
    assert!(pages < 200, "{pages} pages of 1000 are read, for a client that took none");
    let listing = String::from_utf8(receive_all(&scene.world, &data)).unwrap();
    let expected: String = (0..100_000).map(|number| format!("file {number}\r\n")).collect();
    assert!(listing == expected);
    user.expect(&[226]);
}

#[test]
fn a_directory_that_is_not_too_big_is_listed_by_name() {
    let mut scene = Scene::new(Settings { sorted_entries_limit: 1200, ..settings() });
    for (count, is_sorted) in [(1200, true), (1201, false)] {
        scene.store.set_entries(count);
        let mut expected: Vec<_> = (0..count).map(|number| format!("file {number}")).collect();
        if is_sorted {
            expected.sort();
        }
        for command in ["NLST", "LIST", "MLSD"] {
            let mut user = scene.user();
            let data = user.data();
            user.say(command);
            let listing = String::from_utf8(receive_all(&scene.world, &data)).unwrap();
            let names: Vec<_> = listing.lines().map(|line| &line[line.find("file ").unwrap()..]).collect();
            assert!(names == expected, "{command} of {count} entries: {:?}", &names[..20]);
            user.expect(&[125, 226]);
        }
        let mut user = scene.user();
        user.say("STAT /");
        let status = user.replies();
        assert!(status.contains(&format!(" {}\r\n", expected[2])), "{status}");
    }
}

#[test]
fn the_directory_itself_and_the_one_above_come_first() {
    let mut scene = Scene::new(Settings { sorted_entries_limit: 0, ..settings() });
    scene.store.set_entries(3);
    for (command, code) in [("LIST -la", 125), ("STAT -la /", 212)] {
        let mut user = scene.user();
        let listing = match code {
            212 => {
                user.say(command);
                user.replies()
            }
            _ => {
                let data = user.data();
                user.say(command);
                let listing = String::from_utf8(receive_all(&scene.world, &data)).unwrap();
                user.expect(&[code, 226]);
                listing
            }
        };
        let names: Vec<_> = listing.lines().filter(|line| line.contains("   1 ftp")).collect();
        assert!(names[0].starts_with("drwx") || names[0].starts_with(" drwx"), "{listing}");
        assert!(
            names[0].ends_with(" .") && names[1].ends_with(" ..") && names[2].ends_with(" file 0"),
            "{listing}"
        );
        assert_eq!(names.len(), 5);
    }
}

#[test]
fn a_pattern_lists_what_matches() {
    let mut scene = Scene::new(settings());
    scene.store.set_entries(5000);
    let mut user = scene.user();
    let data = user.data();
    user.say("NLST ./*file 1?");
    assert_eq!(String::from_utf8(receive_all(&scene.world, &data)).unwrap().lines().count(), 10);
    user.expect(&[125, 226]);
    let mut user = scene.user();
    user.data();
    user.say("LIST *.csv");
    user.expect(&[550]);
    user.say("STAT file 499[0-4]");
    let status = user.replies();
    assert!(status.contains("file 4990\r\n") && status.contains("file 4994\r\n"), "{status}");
    assert_eq!(status.lines().count(), 7, "{status}");
}

#[test]
fn one_file_is_listed_as_one_line() {
    let mut scene = Scene::new(settings());
    scene.store.put("/f", b"12345");
    let mut user = scene.user();
    let data = user.data();
    user.say("LIST /f");
    let line = String::from_utf8(receive_all(&scene.world, &data)).unwrap();
    assert!(line.contains(" 5 ") && line.ends_with(" f\r\n"), "{line}");
    user.expect(&[125, 226]);
}

#[test]
fn status_of_a_big_directory_is_cut_at_its_limit() {
    let mut scene =
        Scene::new(Settings { status_entries_limit: 150, sorted_entries_limit: 100, ..settings() });
    scene.store.set_entries(100_000);
    let mut user = scene.user();
    user.say("STAT /");
    let status = user.replies();
    assert!(
        status.starts_with("212-") && status.contains("file 149") && !status.contains("file 150"),
        "{status}"
    );
    assert_eq!(scene.store.pages(), 2);
}
