//! What stands for TLS where the library is built without it: types that have no value.

use std::{
    boxed::Box,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use super::stream::Stream;
use crate::{
    config::SessionReuse,
    session::{Direction, Resumption, TlsClient},
};

/// What a server proves itself with: nothing, without the feature `tls`.
#[derive(Debug, Clone)]
pub enum Tls {}

impl Tls {
    pub(in crate::adapters) const fn requires_certificates(&self) -> bool {
        match *self {}
    }
}

#[derive(Debug)]
pub(in crate::adapters) enum SessionTls {}

pub(in crate::adapters) type Handshake<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;
pub(in crate::adapters) type Expected = Arc<OnceLock<Direction>>;

impl SessionTls {
    pub(in crate::adapters) const fn new(tls: &Tls, _: SessionReuse) -> Self {
        match *tls {}
    }

    pub(in crate::adapters) const fn handle_control_secured(&mut self, _: &TlsClient) {
        match *self {}
    }

    pub(in crate::adapters) const fn accept_control<S>(&self, _: S) -> Handshake<(Stream<S>, TlsClient)> {
        match *self {}
    }

    pub(in crate::adapters) fn accept_data<S>(
        &self,
        _: S,
        _: Expected,
    ) -> Handshake<(Stream<S>, Resumption)> {
        match *self {}
    }
}
