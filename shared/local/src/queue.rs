//! The queue of one process: messages go to its own loops. Due rows cover those lost with the
//! process.

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use flowgate_core::time::Timestamp;
use flowgate_core::work::{Message, Queue};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

#[derive(Clone)]
pub struct LocalQueue {
    sender: UnboundedSender<Message>,
}

impl LocalQueue {
    /// The work loops take the receiver.
    pub fn new() -> (Self, UnboundedReceiver<Message>) {
        let (sender, receiver) = unbounded_channel();
        (Self { sender }, receiver)
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, message: Message) -> Result<()> {
        self.sender.send(message).map_err(|_| anyhow!("the work loops have stopped"))
    }

    /// Does nothing: the sweep runs every second and sends what is due.
    async fn send_later(&self, _: Message, _: Timestamp) -> Result<()> {
        Ok(())
    }
}
