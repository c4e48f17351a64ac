//! All tools of one run of an agent: the author's, and those that servers have listed.

use std::collections::BTreeSet;

use super::Agent;
use super::tool::{MAX_TOOLS, Tool};
use crate::call::ModelTool;
use crate::expr::scope::Scope;
use crate::kind::{Done, NodeError, Planned};

pub(super) struct Toolbox<'a> {
    own: &'a [Tool],
    /// Those of servers, and the workflows.
    listed: Vec<Tool>,
}

pub(super) enum Opened<'a> {
    Ready(Toolbox<'a>),
    /// These lists are to be asked for first.
    Listing(Vec<Planned>),
}

impl<'a> Toolbox<'a> {
    pub(super) fn open(
        agent: &'a Agent,
        scope: &Scope<'_>,
        done: &Done,
    ) -> Result<Opened<'a>, NodeError> {
        let (mut listed, mut missing) = (Vec::new(), Vec::new());
        for server in &agent.servers {
            match server.tools(scope, done)? {
                Ok(tools) => listed.extend(tools),
                Err(call) => missing.push(*call),
            }
        }
        if !missing.is_empty() {
            return Ok(Opened::Listing(missing));
        }
        for child in &agent.children {
            listed.push(child.shown(scope)?);
        }
        let toolbox = Self { own: &agent.tools, listed };
        toolbox.check()?;
        Ok(Opened::Ready(toolbox))
    }

    fn check(&self) -> Result<(), NodeError> {
        if self.all().count() > MAX_TOOLS {
            let message = format!(
                "an agent has at most {MAX_TOOLS} tools, those of MCP servers included; `only` \
                 names the ones that it needs"
            );
            return Err(NodeError::new("too_many_tools", message));
        }
        let mut names = BTreeSet::new();
        match self.all().find(|tool| !names.insert(&tool.shown.name)) {
            None => Ok(()),
            Some(tool) => {
                let name = &tool.shown.name;
                let message =
                    format!("two tools have the name `{name}`; a `prefix` makes them differ");
                Err(NodeError::new("duplicate_tool", message))
            }
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<&Tool> {
        self.all().find(|tool| tool.shown.name == name)
    }

    pub(super) fn shown(&self) -> Vec<ModelTool> {
        self.all().map(|tool| tool.shown.clone()).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Tool> {
        self.own.iter().chain(&self.listed)
    }
}
