//! The queue of one process: messages go to its own loops. What is lost with the process is found again by its due row.

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
    /// The receiver belongs to the loops that do the work.
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

    /// The sweep comes every second: nothing that waits has to be held here.
    async fn send_later(&self, _: Message, _: Timestamp) -> Result<()> {
        Ok(())
    }
}
