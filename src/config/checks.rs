//! What no server could work with.

use alloc::{format, string::String};

use super::{ConfigError, FinishPatience, PassiveAddress, Settings, TlsRequirement, TlsStart};
use crate::command::{SiteVerb, parse_host};

impl Settings {
    /// The first field that is of no use.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_sizes()?;
        self.check_times()?;
        self.check_texts()?;
        self.check_hosts()?;
        self.check_passive_address()?;
        self.check_tls()
    }

    fn check_sizes(&self) -> Result<(), ConfigError> {
        let at_least = |field, value: usize, least: usize| {
            if value >= least {
                Ok(())
            } else {
                Err(ConfigError { field, problem: format!("{value} is less than {least}") })
            }
        };
        at_least("line_limit", self.line_limit, 64)?;
        at_least("backlog_limit", self.backlog_limit, 1)?;
        at_least("reply_limit", self.reply_limit, 1)?;
        at_least("status_entries_limit", self.status_entries_limit, 1)?;
        at_least("detached_limit", self.detached_limit, 1)?;
        at_least("chunk_size", self.chunk_size, 512)?;
        at_least("connections_limit", self.connections_limit, 1)?;
        at_least("connections_per_address_limit", self.connections_per_address_limit, 1)?;
        at_least("log_in_attempts", self.log_in_attempts as usize, 1)?;
        match &self.passive_ports {
            Some(range) if range.is_empty() => Err(ConfigError {
                field: "passive_ports",
                problem: format!("{}-{} has no port in it", range.start(), range.end()),
            }),
            Some(range) if *range.start() < 1024 => Err(ConfigError {
                field: "passive_ports",
                problem: format!("{} is a privileged port; take 1024 and above", range.start()),
            }),
            _ => Ok(()),
        }
    }

    fn check_passive_address(&self) -> Result<(), ConfigError> {
        match self.passive_address {
            PassiveAddress::Fixed(ip) if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() => {
                Err(ConfigError {
                    field: "passive_address",
                    problem: format!("no client can connect to {ip}"),
                })
            }
            _ => Ok(()),
        }
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        let times = [
            ("log_in_timeout", self.log_in_timeout),
            ("control_idle_timeout", self.control_idle_timeout),
            ("request_timeout", self.request_timeout),
            ("data_connect_timeout", self.data_connect_timeout),
            ("data_stall_timeout", self.data_stall_timeout),
            ("finish_timeout", self.finish_timeout),
            ("abort_timeout", self.abort_timeout),
            ("detached_timeout", self.detached_timeout),
            ("tls.handshake_timeout", self.tls.handshake_timeout),
        ];
        let patience = match self.finish_patience {
            FinishPatience::Silent => None,
            FinishPatience::ContinueAfter { silence, every } => Some(("finish_patience", silence.min(every))),
        };
        if let Some((field, _)) = times.into_iter().chain(patience).find(|(_, time)| time.is_zero()) {
            return Err(ConfigError { field, problem: String::from("it is zero") });
        }
        let graces = [
            ("killed_client_grace", self.killed_client_grace),
            ("prompt_client_grace", self.prompt_client_grace),
            ("data_close_grace", self.data_close_grace),
        ];
        match graces.into_iter().find(|(_, grace)| *grace >= self.data_stall_timeout) {
            Some((field, _)) => {
                Err(ConfigError { field, problem: "it is not shorter than data_stall_timeout".into() })
            }
            None => Ok(()),
        }
    }

    fn check_texts(&self) -> Result<(), ConfigError> {
        if self.greeting.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(ConfigError { field: "greeting", problem: "it has a control character".into() });
        }
        for command in &self.site_commands {
            let is_word =
                !command.verb.is_empty() && command.verb.bytes().all(|byte| byte.is_ascii_uppercase());
            let problem = if !is_word {
                "is not a word of capital letters"
            } else if SiteVerb::parse(command.verb.as_bytes()).is_some() {
                "is a SITE command of the server's own"
            } else if command.syntax.bytes().any(|byte| byte.is_ascii_control()) {
                "has a control character in its syntax"
            } else {
                continue;
            };
            return Err(ConfigError {
                field: "site_commands",
                problem: format!("{:?} {problem}", command.verb),
            });
        }
        Ok(())
    }

    /// A host in another form is never the one that a client has said.
    fn check_hosts(&self) -> Result<(), ConfigError> {
        let is_wrong = |host: &&String| parse_host(host.as_bytes()).as_ref() != Ok(*host);
        match self.hosts.iter().flatten().find(is_wrong) {
            Some(host) => Err(ConfigError {
                field: "hosts",
                problem: format!("{host:?} is no name or address as HOST is compared with it"),
            }),
            None => Ok(()),
        }
    }

    fn check_tls(&self) -> Result<(), ConfigError> {
        if self.tls.start == TlsStart::Never && self.tls.requirement != TlsRequirement::Nothing {
            return Err(ConfigError {
                field: "tls.requirement",
                problem: String::from("nobody could log in, for tls.start is Never"),
            });
        }
        Ok(())
    }
}
