//! Names by which callers control a run in the body of a request, whatever the dialect.

/// An input field of such a name could not always be sent: authors are warned.
pub const RESERVED_INPUT_NAMES: &[&str] = &[
    // GPTBots, AI-Flow and the native API.
    "stream",
    "run_options",
    "webhook",
    "webhooks",
    "userId",
    "user",
    "save",
    // Sim.
    "selectedOutputs",
    "isAsync",
    "triggerType",
    "useDraftState",
    "inputFromExecutionId",
    "includeFileBase64",
    "base64MaxBytes",
    "workflowStateOverride",
    "deploymentVersionId",
    "triggerBlockId",
    "stopAfterBlockId",
    "runFromBlock",
    "copilotToolCallId",
    "workflowId",
    "parentWorkspaceId",
    "includeThinking",
    "includeToolCalls",
];
