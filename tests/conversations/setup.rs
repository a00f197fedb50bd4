//! The server of a conversation: its settings and the two ends of the control connection.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use sansftp::{
    config::{
        AnnouncedSize, AsciiConversion, Config, DataPeer, Endpoints, FinishOverdue, FinishPatience,
        PassiveAddress, SessionReuse, Settings, SiteCommand, TlsRequirement, TlsStart, Truncation,
    },
    dtp::Representation,
    time_value::TimePrecision,
};

use crate::{
    notation::words::parse_duration,
    script::{Conversation, StepKind},
};

/// Reads the `@config` lines.
pub fn configure(conversation: &Conversation) -> Result<(Config, Endpoints), String> {
    let mut settings = Settings::default();
    let mut endpoints = Endpoints {
        local: SocketAddr::from(([192, 0, 2, 1], 21)),
        peer: SocketAddr::from(([198, 51, 100, 7], 50_000)),
    };
    for step in &conversation.steps {
        let StepKind::Set { field, value } = &step.kind else { continue };
        let set = match field.as_str() {
            "local" => parse(value).map(|address| endpoints.local = address),
            "peer" => parse(value).map(|address| endpoints.peer = address),
            _ => set(&mut settings, field, value),
        };
        set.map_err(|error| format!("{}: {error}", step.place))?;
    }
    let config = Config::new(settings).map_err(|error| error.to_string())?;
    Ok((config, endpoints))
}

fn set(settings: &mut Settings, field: &str, value: &str) -> Result<(), String> {
    match field {
        "greeting" => settings.greeting = value.to_owned(),
        "line_limit" => settings.line_limit = parse(value)?,
        "skip_limit" => settings.skip_limit = parse(value)?,
        "backlog_limit" => settings.backlog_limit = parse(value)?,
        "reply_limit" => settings.reply_limit = parse(value)?,
        "status_entries_limit" => settings.status_entries_limit = parse(value)?,
        "pattern_limit" => settings.pattern_limit = parse(value)?,
        "time_precision" if value == "Milliseconds" => settings.time_precision = TimePrecision::Milliseconds,
        "log_in_attempts" => settings.log_in_attempts = parse(value)?,
        "detached_limit" => settings.detached_limit = parse(value)?,
        "log_in_timeout" => settings.log_in_timeout = parse_duration(value)?,
        "control_idle_timeout" => settings.control_idle_timeout = parse_duration(value)?,
        "request_timeout" => settings.request_timeout = parse_duration(value)?,
        "data_connect_timeout" => settings.data_connect_timeout = parse_duration(value)?,
        "data_stall_timeout" => settings.data_stall_timeout = parse_duration(value)?,
        "finish_timeout" => settings.finish_timeout = parse_duration(value)?,
        "killed_client_grace" => settings.killed_client_grace = parse_duration(value)?,
        "abort_timeout" => settings.abort_timeout = parse_duration(value)?,
        "detached_timeout" => settings.detached_timeout = parse_duration(value)?,
        "finish_patience" => {
            let (silence, every) = value.split_once(',').ok_or("finish_patience wants two times")?;
            let (silence, every) = (parse_duration(silence)?, parse_duration(every)?);
            settings.finish_patience = FinishPatience::ContinueAfter { silence, every };
        }
        "finish_overdue" if value == "Detach" => settings.finish_overdue = FinishOverdue::Detach,
        "passive_address" if value == "peer" => {
            settings.passive_address = PassiveAddress::Resolve(Arc::new(|control| match control.peer.ip() {
                IpAddr::V4(address) => address,
                IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
            }));
        }
        "passive_address" => settings.passive_address = PassiveAddress::Fixed(parse(value)?),
        "data_peer" if value == "AnyAddress" => settings.data_peer = DataPeer::AnyAddress,
        "tls.start" if value == "Explicit" => settings.tls.start = TlsStart::Explicit,
        "tls.start" if value == "Implicit" => settings.tls.start = TlsStart::Implicit,
        "tls.requirement" if value == "Control" => settings.tls.requirement = TlsRequirement::Control,
        "tls.requirement" if value == "ControlAndData" => {
            settings.tls.requirement = TlsRequirement::ControlAndData;
        }
        "tls.session_reuse" if value == "Require" => settings.tls.session_reuse = SessionReuse::Require,
        "tls.truncation" if value == "Accept" => settings.tls.truncation = Truncation::Accept,
        "initial_type" if value == "Image" => settings.initial_type = Representation::Image,
        "ascii_conversion" if value == "Nothing" => settings.ascii_conversion = AsciiConversion::Nothing,
        "announced_size" if value == "Advisory" => settings.announced_size = AnnouncedSize::Advisory,
        "hosts" => settings.hosts = Some(value.split(',').map(String::from).collect()),
        "site_command" => {
            let (verb, syntax) = value.split_once(' ').unwrap_or((value, ""));
            let syntax = format!("{verb} {syntax}").trim_end().to_owned();
            settings.site_commands.push(SiteCommand { verb: verb.to_owned(), syntax });
        }
        _ => return Err(format!("the setting {field}={value} is not known to the runner")),
    }
    Ok(())
}

fn parse<T: std::str::FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{value} cannot be read"))
}
