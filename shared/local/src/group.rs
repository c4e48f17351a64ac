//! The open group of writes, as its operations see it: the connection, and what is written once for
//! all of them.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;

use anyhow::Result;
use flowgate_core::stats::Tally;
use rusqlite::Connection;

use crate::stats::Tallies;

pub(crate) struct Group<'c> {
    connection: &'c Connection,
    tallies: RefCell<Tallies>,
}

impl<'c> Group<'c> {
    /// Its transaction is open.
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self { connection, tallies: RefCell::default() }
    }

    /// Adds an ended run to the rollup of its hour.
    pub(crate) fn count(&self, tally: &Arc<Tally>) -> Result<()> {
        self.tallies.borrow_mut().add(self.connection, tally)
    }

    /// Where a failed operation goes back to.
    pub(crate) fn savepoint(&self) -> Savepoint {
        Savepoint { tallies: self.tallies.borrow().len() }
    }

    /// Takes back what was not written yet; SQLite takes back what was.
    pub(crate) fn roll_back_to(&self, savepoint: &Savepoint) {
        self.tallies.borrow_mut().truncate(savepoint.tallies);
    }

    /// Writes what the operations left to the end of the group. The commit is next.
    pub(crate) fn close(self) -> rusqlite::Result<&'c Connection> {
        self.tallies.into_inner().write(self.connection)?;
        Ok(self.connection)
    }
}

pub(crate) struct Savepoint {
    tallies: usize,
}

impl Deref for Group<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}
