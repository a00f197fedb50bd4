//! How a client ends its side of the control connection, and reads on.

use std::time::Duration;

use super::{Control, Gone};

/// What the client has made of its side of the control connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientSide {
    Open,
    /// Ended in good order. When that arrives.
    Ended(Duration),
    /// Ended, but without the `close_notify` that TLS would have.
    CutOff,
}

impl Control {
    /// Ends the client's side, perhaps amid a line, and reads on.
    pub async fn end_side(&mut self, last: &[u8]) -> Result<(), Gone> {
        let ends = async {
            self.link.send_all(last).await?;
            self.link.say_close_notify().await
        };
        match self.world.within(self.patience, ends).await {
            Some(Ok(())) => {}
            Some(Err(_)) => loop {
                self.read().await?;
            },
            None => return Err(Gone::Silent),
        }
        let says_so = self.link.is_secure();
        self.world.end_side(&self.link.socket, says_so);
        self.side = ClientSide::Ended(self.world.end_arrival(&self.link.socket));
        Ok(())
    }

    /// Ends it without any such words.
    pub fn cut_off_side(&mut self) {
        let is_secure = self.link.is_secure();
        self.world.end_side(&self.link.socket, false);
        let arrival = self.world.end_arrival(&self.link.socket);
        self.side = if is_secure { ClientSide::CutOff } else { ClientSide::Ended(arrival) };
    }
}
