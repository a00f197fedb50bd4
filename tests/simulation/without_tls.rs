//! What stands for TLS where the library is built without it: no world has it then.

use std::{convert::Infallible, io};

use sansftp::{Config, adapters::Server};

use super::{store::Store, world::World};

pub fn start_server(world: &World, store: &Store, config: Config) -> io::Result<Server<World>> {
    Server::start(world.clone(), store.clone(), config, super::play::SERVER.into())
}

/// How a client would speak TLS.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub is_old: bool,
    pub resumes: bool,
    pub record: usize,
}

#[derive(Clone)]
pub struct Trust(Infallible);

impl Trust {
    pub fn new(_: Manner) -> Self {
        panic!("there is no TLS")
    }
}

pub struct Secure(Infallible);

pub struct Opened {
    pub bytes: Vec<u8>,
    pub is_end: bool,
}

impl Secure {
    pub const fn new(trust: &Trust) -> Self {
        match trust.0 {}
    }

    pub const fn is_shaking_hands(&self) -> bool {
        match self.0 {}
    }

    pub const fn is_resumed(&self) -> bool {
        match self.0 {}
    }

    pub const fn seal(&mut self, _: &[u8]) {
        match self.0 {}
    }

    pub const fn say_close_notify(&mut self) {
        match self.0 {}
    }

    pub const fn take_records(&mut self) -> Vec<u8> {
        match self.0 {}
    }

    pub const fn open(&mut self, _: &[u8]) -> Option<Opened> {
        match self.0 {}
    }
}
