"""Contains all the data models used in inputs/outputs"""

from .account_key import AccountKey
from .admin_key import AdminKey
from .announced_file import AnnouncedFile
from .attempt import Attempt
from .attempt_trace import AttemptTrace
from .batch_result import BatchResult
from .begun_login import BegunLogin
from .body_shape import BodyShape
from .browser_login import BrowserLogin
from .budget import Budget
from .budget_period import BudgetPeriod
from .bulk_cancel import BulkCancel
from .bulk_replay import BulkReplay
from .call_trace import CallTrace
from .change import Change
from .chunk import Chunk
from .client_place import ClientPlace
from .delivery import Delivery
from .delivery_list import DeliveryList
from .delivery_status import DeliveryStatus
from .document_problem import DocumentProblem
from .draft import Draft
from .end_state import EndState
from .field import Field
from .field_problem import FieldProblem
from .frame import Frame
from .health import Health
from .import_entry import ImportEntry
from .import_outcome import ImportOutcome
from .import_report import ImportReport
from .import_workflows_json_body import ImportWorkflowsJsonBody
from .imported import Imported
from .imported_secret import ImportedSecret
from .imported_system import ImportedSystem
from .imported_workflow import ImportedWorkflow
from .interface import Interface
from .interface_input import InterfaceInput
from .interface_input_schema import InterfaceInputSchema
from .interface_output import InterfaceOutput
from .interface_output_schema import InterfaceOutputSchema
from .issued_key import IssuedKey
from .job import Job
from .job_kind import JobKind
from .job_progress import JobProgress
from .job_status import JobStatus
from .key import Key
from .key_budget import KeyBudget
from .key_change import KeyChange
from .key_limits import KeyLimits
from .key_list import KeyList
from .key_rotation import KeyRotation
from .key_scope import KeyScope
from .key_spending import KeySpending
from .key_workflows_type_0 import KeyWorkflowsType0
from .keyring import Keyring
from .kind import Kind
from .kinds import Kinds
from .lang import Lang
from .last_refused import LastRefused
from .last_run import LastRun
from .links import Links
from .listed_question import ListedQuestion
from .listed_question_list import ListedQuestionList
from .listed_workflow import ListedWorkflow
from .listed_workflow_list import ListedWorkflowList
from .login_kind import LoginKind
from .mode import Mode
from .new_answer import NewAnswer
from .new_answer_data import NewAnswerData
from .new_file import NewFile
from .new_key import NewKey
from .new_key_budget import NewKeyBudget
from .new_key_limits import NewKeyLimits
from .new_token import NewToken
from .newly_issued_token import NewlyIssuedToken
from .node_attempt import NodeAttempt
from .node_finished import NodeFinished
from .node_reset import NodeReset
from .node_started import NodeStarted
from .node_status import NodeStatus
from .node_trace import NodeTrace
from .omitted import Omitted
from .open_state import OpenState
from .openapi_response_200 import OpenapiResponse200
from .opening import Opening
from .outline import Outline
from .outline_edge import OutlineEdge
from .outline_input import OutlineInput
from .outline_node import OutlineNode
from .outline_output import OutlineOutput
from .outline_tool import OutlineTool
from .own_key import OwnKey
from .problem import Problem
from .problem_severity import ProblemSeverity
from .public_workflow import PublicWorkflow
from .publication import Publication
from .question import Question
from .question_field import QuestionField
from .questions import Questions
from .read_workflow_openapi_response_200 import ReadWorkflowOpenapiResponse200
from .reconnect import Reconnect
from .recovered import Recovered
from .recovery import Recovery
from .refreshed_client import RefreshedClient
from .replay_from import ReplayFrom
from .replay_run import ReplayRun
from .replay_runs import ReplayRuns
from .rollback import Rollback
from .rolled_back import RolledBack
from .run import Run
from .run_document import RunDocument
from .run_error import RunError
from .run_list import RunList
from .run_mode import RunMode
from .run_started import RunStarted
from .run_status import RunStatus
from .save_workflow_json_body import SaveWorkflowJsonBody
from .saved_draft import SavedDraft
from .secret import Secret
from .secret_list import SecretList
from .secret_login import SecretLogin
from .secret_value import SecretValue
from .shipped_connector import ShippedConnector
from .signing_secrets import SigningSecrets
from .snippet import Snippet
from .snippets import Snippets
from .start_run import StartRun
from .start_run_pins import StartRunPins
from .stats import Stats
from .stats_by import StatsBy
from .stats_item import StatsItem
from .stats_step import StatsStep
from .stored_file import StoredFile
from .test_webhook import TestWebhook
from .trace import Trace
from .upload_request import UploadRequest
from .upload_request_headers import UploadRequestHeaders
from .usage import Usage
from .validate_workflow_json_body import ValidateWorkflowJsonBody
from .validated import Validated
from .version import Version
from .version_document import VersionDocument
from .version_list import VersionList
from .webhook import Webhook
from .webhook_headers import WebhookHeaders
from .webhook_test import WebhookTest
from .webhook_test_headers import WebhookTestHeaders
from .workflow import Workflow
from .workflow_document import WorkflowDocument
from .workflow_schedule import WorkflowSchedule
from .workflow_schedule_tick import WorkflowScheduleTick

__all__ = (
    "AccountKey",
    "AdminKey",
    "AnnouncedFile",
    "Attempt",
    "AttemptTrace",
    "BatchResult",
    "BegunLogin",
    "BodyShape",
    "BrowserLogin",
    "Budget",
    "BudgetPeriod",
    "BulkCancel",
    "BulkReplay",
    "CallTrace",
    "Change",
    "Chunk",
    "ClientPlace",
    "Delivery",
    "DeliveryList",
    "DeliveryStatus",
    "DocumentProblem",
    "Draft",
    "EndState",
    "Field",
    "FieldProblem",
    "Frame",
    "Health",
    "Imported",
    "ImportedSecret",
    "ImportedSystem",
    "ImportedWorkflow",
    "ImportEntry",
    "ImportOutcome",
    "ImportReport",
    "ImportWorkflowsJsonBody",
    "Interface",
    "InterfaceInput",
    "InterfaceInputSchema",
    "InterfaceOutput",
    "InterfaceOutputSchema",
    "IssuedKey",
    "Job",
    "JobKind",
    "JobProgress",
    "JobStatus",
    "Key",
    "KeyBudget",
    "KeyChange",
    "KeyLimits",
    "KeyList",
    "Keyring",
    "KeyRotation",
    "KeyScope",
    "KeySpending",
    "KeyWorkflowsType0",
    "Kind",
    "Kinds",
    "Lang",
    "LastRefused",
    "LastRun",
    "Links",
    "ListedQuestion",
    "ListedQuestionList",
    "ListedWorkflow",
    "ListedWorkflowList",
    "LoginKind",
    "Mode",
    "NewAnswer",
    "NewAnswerData",
    "NewFile",
    "NewKey",
    "NewKeyBudget",
    "NewKeyLimits",
    "NewlyIssuedToken",
    "NewToken",
    "NodeAttempt",
    "NodeFinished",
    "NodeReset",
    "NodeStarted",
    "NodeStatus",
    "NodeTrace",
    "Omitted",
    "OpenapiResponse200",
    "Opening",
    "OpenState",
    "Outline",
    "OutlineEdge",
    "OutlineInput",
    "OutlineNode",
    "OutlineOutput",
    "OutlineTool",
    "OwnKey",
    "Problem",
    "ProblemSeverity",
    "Publication",
    "PublicWorkflow",
    "Question",
    "QuestionField",
    "Questions",
    "ReadWorkflowOpenapiResponse200",
    "Reconnect",
    "Recovered",
    "Recovery",
    "RefreshedClient",
    "ReplayFrom",
    "ReplayRun",
    "ReplayRuns",
    "Rollback",
    "RolledBack",
    "Run",
    "RunDocument",
    "RunError",
    "RunList",
    "RunMode",
    "RunStarted",
    "RunStatus",
    "SavedDraft",
    "SaveWorkflowJsonBody",
    "Secret",
    "SecretList",
    "SecretLogin",
    "SecretValue",
    "ShippedConnector",
    "SigningSecrets",
    "Snippet",
    "Snippets",
    "StartRun",
    "StartRunPins",
    "Stats",
    "StatsBy",
    "StatsItem",
    "StatsStep",
    "StoredFile",
    "TestWebhook",
    "Trace",
    "UploadRequest",
    "UploadRequestHeaders",
    "Usage",
    "Validated",
    "ValidateWorkflowJsonBody",
    "Version",
    "VersionDocument",
    "VersionList",
    "Webhook",
    "WebhookHeaders",
    "WebhookTest",
    "WebhookTestHeaders",
    "Workflow",
    "WorkflowDocument",
    "WorkflowSchedule",
    "WorkflowScheduleTick",
)
