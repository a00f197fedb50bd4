//! Servers, clients that nobody here wrote, and TCP between them: on every runtime that is enabled, and on one that is
//! not of this crate.
#![cfg(feature = "adapters")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]

mod loopback {
    #[cfg(feature = "tls")]
    pub(crate) mod certificates;
    pub(crate) mod client;
    #[cfg(any(feature = "tokio", feature = "async-std", feature = "smol"))]
    pub(crate) mod contract;
    pub(crate) mod faults;
    pub(crate) mod hosts;
    pub(crate) mod protocol;
    pub(crate) mod running;
    #[cfg(feature = "tls")]
    pub(crate) mod secure;
    pub(crate) mod threads;
    #[cfg(feature = "tls")]
    pub(crate) mod tls;
    pub(crate) mod watched;
}

/// What is the same on every runtime, each test on both stores or on the one that suits it.
macro_rules! suite {
    ($host:ty) => {
        on_both_stores! { $host:
            protocol::files_go_up_and_come_down
            protocol::transfers_resume_both_ways
            protocol::names_are_listed_renamed_and_removed
            protocol::active_mode_works
            protocol::ascii_converts_both_ways
            protocol::several_clients_at_once
            protocol::a_script_that_ends_the_control_connection_is_executed
            faults::an_aborted_upload_leaves_the_old_file
            faults::an_abor_behind_urgent_data_is_heard
            faults::a_reset_upload_leaves_the_old_file
            faults::a_killed_client_leaves_the_old_file
            faults::an_aborted_download_leaves_the_session_usable
        }
        on! { $host:
            protocol::a_slow_finish_is_waited_for
            protocol::a_failed_finish_is_no_226
            protocol::a_client_that_sends_where_it_should_only_receive_gets_the_whole_file
            protocol::one_connection_too_many_is_told_421
            protocol::a_shutdown_completes_the_transfer_and_tells_421
            faults::a_store_that_panics_costs_nobody_else_anything
        }
    };
}

/// What is the same on every runtime under TLS.
macro_rules! tls_suite {
    ($host:ty) => {
        #[cfg(feature = "tls")]
        mod under_tls {
            on_both_stores! { $host: tls::files_go_up_and_come_down_under_tls }
            on! { $host:
                tls::suppaftp_speaks_tls
                tls::tls_begins_at_once_where_it_should
                tls::an_upload_cut_at_any_byte_gets_no_226
                tls::an_end_without_close_notify_is_told_to_the_store_where_it_counts
                tls::a_client_may_begin_tls_on_a_data_connection_before_its_command
                tls::what_is_smuggled_behind_auth_is_not_executed
                tls::the_control_connection_becomes_clear_again
                tls::data_connections_resume_the_session_of_their_control_connection
                tls::a_data_connection_of_another_session_is_refused
                tls::a_stranger_is_refused_each_time
                tls::an_identity_is_replaced_while_the_server_runs
                tls::a_client_of_another_protocol_is_refused
                tls::a_handshake_that_fails_ends_the_session
                certificates::a_certificate_stands_for_its_users_password
                certificates::nobody_comes_in_without_the_certificate_that_is_required
                certificates::data_connections_show_the_certificate_of_their_control_connection
                certificates::a_certificate_that_could_be_avoided_is_a_mistake
                certificates::each_host_has_its_own_identity
            }
        }
    };
}

/// What an adapter of this crate owes to the driver, beyond what a session shows.
#[cfg(any(feature = "tokio", feature = "async-std", feature = "smol"))]
macro_rules! contract {
    ($host:ty) => {
        on! { $host:
            contract::a_control_connection_is_set_up_and_looked_at
            contract::an_accept_that_is_dropped_loses_no_connection
            contract::a_close_ends_the_sending_side_only
            contract::a_connection_that_is_gone_can_be_closed
            contract::slices_are_written_together
            contract::a_connection_comes_from_the_address_that_was_asked_for
            contract::nobody_listens_is_an_error
            contract::a_peer_that_does_not_answer_is_waited_for
            contract::an_address_can_be_listened_at_again
            contract::the_clock_goes_on_and_timers_with_it
            contract::a_panic_takes_nobody_else_along
        }
    };
}

macro_rules! on {
    ($host:ty: $($file:ident::$name:ident)*) => {
        $(#[test] fn $name() { crate::loopback::$file::$name::<$host>(); })*
    };
}

macro_rules! on_both_stores {
    ($host:ty: $($file:ident::$name:ident)*) => {
        mod memory {
            $(#[test] fn $name() {
                crate::loopback::$file::$name::<$host>(sansftp::adapters::stores::Memory::new());
            })*
        }
        mod filesystem {
            $(#[test] fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let store = sansftp::adapters::stores::Filesystem::open(folder.path()).unwrap();
                crate::loopback::$file::$name::<$host>(store);
            })*
        }
    };
}

#[cfg(feature = "tokio")]
mod tokio {
    suite!(crate::loopback::hosts::OnTokio);
    tls_suite!(crate::loopback::hosts::OnTokio);
    contract!(crate::loopback::hosts::OnTokio);
}

#[cfg(feature = "async-std")]
mod async_std {
    suite!(sansftp::adapters::AsyncStd);
    tls_suite!(sansftp::adapters::AsyncStd);
    contract!(sansftp::adapters::AsyncStd);
}

#[cfg(feature = "smol")]
mod smol {
    suite!(sansftp::adapters::Smol);
    tls_suite!(sansftp::adapters::Smol);
    contract!(sansftp::adapters::Smol);
}

mod threads {
    suite!(crate::loopback::threads::Threads);
    tls_suite!(crate::loopback::threads::Threads);
}
