//! The grammar: command lines, replies, time values, listing lines and `TYPE A`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sansftp::{
    dtp::{Dtp, Representation},
    line::LineBuffer,
    listing::{Facts, ListingFormat},
    pathname::Pathname,
    reply::{ReplyBuffer, ReplyCode},
    storage::{Entry, Metadata, UnixAttributes},
    time_value::TimeValue,
};

const ENTRIES: u64 = 10_000;
const NOW: TimeValue = TimeValue::from_unix(1_800_000_000, 0);

fn lines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("line");
    let commands =
        b"TYPE I\r\nPASV\r\nSIZE a file with a usual name.txt\r\nRETR a file with a usual name.txt\r\n"
            .repeat(64);
    let mut buffer = LineBuffer::new(4096, 64 << 10);
    for (name, piece_length) in [("pipelined", commands.len()), ("in segments of 16 bytes", 16)] {
        group.throughput(Throughput::Bytes(commands.len() as u64)).bench_function(name, |bencher| {
            bencher.iter(|| {
                for piece in commands.chunks(piece_length) {
                    let mut rest = black_box(piece);
                    while !rest.is_empty() {
                        rest = buffer.push(rest);
                        while let Some(line) = buffer.next_line() {
                            black_box(line);
                        }
                    }
                }
            });
        });
    }
    group.finish();
}

fn entries() -> Vec<Entry> {
    let entry = |number: u64| {
        let metadata = Metadata {
            modified: Some(TimeValue::from_unix(1_780_000_000 + number as i64 * 3600, 0)),
            unix: Some(UnixAttributes { mode: 0o644, links: 1, owner: 1000, group: 1000 }),
            unique: Some((0xFD01, 1_000_000 + number)),
            ..Metadata::file(number * 12_345)
        };
        Entry::new(Bytes::from(format!("a file with a usual name {number}.txt")), metadata)
    };
    (0..ENTRIES).map(entry).collect()
}

fn listings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("listing");
    let entries = entries();
    let mut out = BytesMut::new();
    for (name, format) in [
        ("LIST", ListingFormat::Long),
        ("NLST", ListingFormat::Names { prefix: Bytes::new() }),
        ("MLSD", ListingFormat::Machine(Facts::default())),
    ] {
        group.throughput(Throughput::Elements(ENTRIES)).bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                for entry in &entries {
                    format.line(NOW, black_box(entry), &mut out);
                }
                black_box(&out);
            });
        });
    }
    group.finish();
}

fn ascii(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ascii");
    let mut out = BytesMut::new();
    let lines = b"A line of text that is about as long as lines of text usually are, no more.\n".repeat(3449);
    let short_lines = b"short\n".repeat(43_690);
    for (name, file) in
        [("lines", lines), ("short lines", short_lines), ("no line end", vec![b'x'; 256 << 10])]
    {
        group.throughput(Throughput::Bytes(file.len() as u64));
        group.bench_function(format!("encode {name}"), |bencher| {
            let mut dtp = Dtp::new(Representation::Ascii);
            bencher.iter(|| {
                out.clear();
                dtp.encode(black_box(&file), &mut out);
                black_box(&out);
            });
        });
        let mut sent = BytesMut::new();
        Dtp::new(Representation::Ascii).encode(&file, &mut sent);
        group.bench_function(format!("decode {name}"), |bencher| {
            let mut dtp = Dtp::new(Representation::Ascii);
            bencher.iter(|| {
                out.clear();
                dtp.decode(black_box(&sent), &mut out);
                black_box(&out);
            });
        });
    }
    group.finish();
}

fn time_values(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("time value");
    group.bench_function("parse", |bencher| {
        bencher.iter(|| TimeValue::parse(black_box(b"20261122213000.123")).unwrap());
    });
    group.bench_function("civil", |bencher| bencher.iter(|| black_box(NOW).civil()));
    group.bench_function("display", |bencher| bencher.iter(|| black_box(NOW).to_string()));
    group.finish();
}

fn pathnames(criterion: &mut Criterion) {
    let working_directory = Pathname::root().resolve(b"/pub/music/albums").unwrap();
    criterion.bench_function("pathname/resolve", |bencher| {
        bencher.iter(|| working_directory.resolve(black_box(b"../singles/./a usual name.flac")).unwrap());
    });
}

fn replies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reply");
    let mut buffer = ReplyBuffer::default();
    group.bench_function("one line", |bencher| {
        bencher.iter(|| buffer.line(ReplyCode::TRANSFER_COMPLETE, black_box("Transfer complete.")));
    });
    group.bench_function("number", |bencher| {
        bencher.iter(|| buffer.compose(ReplyCode::FILE_STATUS).value(black_box(123_456_789_u64)).finish());
    });
    group.bench_function("a hundred lines", |bencher| {
        bencher.iter(|| {
            let mut reply = buffer.compose(ReplyCode::HELP).text("These are the commands:");
            for _ in 0..100 {
                reply = reply.inner_line().text(black_box("RETR <pathname>"));
            }
            reply.last_line().text("End").finish()
        });
    });
    group.finish();
}

criterion_group!(grammar, lines, pathnames, time_values, replies, listings, ascii);
criterion_main!(grammar);
