"""Checks the transformed template against Flowgate's needs, and the roles against the functions' calls.

Usage: gate.py TRANSFORMED.json [SEEN.json...]
SEEN lists the actions of an end-to-end run by function folder: {"invoke": ["dynamodb:GetItem", ...], ...}. With it,
each role must grant exactly these. Prints `ok` or `FAIL` per check, then `N passed, M failed`; exits 1 on failure.
"""

import json
import re
import sys

STREAMED = {"invoke", "run-status"}
BUFFERED = {"keys", "workflows"}
# Buffered, too, but it serves files and may do nothing.
PAGES = {"console"}
QUEUED = {"worker", "webhook"}
TIMED = {"sweeper"}
FUNCTIONS = STREAMED | BUFFERED | PAGES | QUEUED | TIMED

# Actions of Lambda itself under the function's role. The function never makes them, so no run records them.
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
X_RAY = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
POLLS = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}

# The policy of the only role without a function. API Gateway requires it.
GATEWAY_LOGS = "AmazonAPIGatewayPushToCloudWatchLogs"

STREAMING_URI = re.compile(r":lambda:path/2021-11-15/functions/.*/response-streaming-invocations$")
BUFFERED_URI = re.compile(r":lambda:path/2015-03-31/functions/.*/invocations$")

PROBLEM_FIELDS = {"type", "title", "status", "detail", "code", "request_id"}
SHAPED_RESPONSES = {
    "DEFAULT_4XX": 400, "DEFAULT_5XX": 500, "ACCESS_DENIED": 403, "API_CONFIGURATION_ERROR": 503, "INTEGRATION_FAILURE": 502, "INTEGRATION_TIMEOUT": 504,
    "MISSING_AUTHENTICATION_TOKEN": 404, "RESOURCE_NOT_FOUND": 404, "REQUEST_TOO_LARGE": 413, "THROTTLED": 429,
    "UNAUTHORIZED": 401, "UNSUPPORTED_MEDIA_TYPE": 415, "WAF_FILTERED": 403,
}
LOGGED = {
    "error.responseType", "httpMethod", "identity.sourceIp", "integration.latency", "integration.status", "requestId", "requestTime",
    "resourcePath", "responseLatency", "responseLength", "status", "xrayTraceId",
}

failures = []
passed = 0


def check(what, holds, found=None):
    global passed
    if holds:
        passed += 1
        print(f"ok {what}")
    else:
        failures.append(what)
        print(f"FAIL {what}" + ("" if found is None else f": {found}"))


class Template:
    """The transformed template, with queries for the checks."""

    def __init__(self, document):
        self.document = document
        self.resources = document["Resources"]
        self.functions = {folder_of(it): it["Properties"] for it in self.all("AWS::Lambda::Function").values()}

    def all(self, kind):
        return {name: it for name, it in self.resources.items() if it["Type"] == kind}

    def one(self, kind):
        found = list(self.all(kind).values())
        check(f"there is one {kind}", len(found) == 1, len(found))
        return found[0]

    def statements(self, folder):
        role = self.resources[logical_id(self.functions[folder]["Role"])]["Properties"]
        statements = [it for policy in role.get("Policies", []) for it in policy["PolicyDocument"]["Statement"]]
        return [either(it) for it in statements]

    def granted(self, folder):
        return {action for it in self.statements(folder) for action in texts(it["Action"])}


def folder_of(function):
    return sub(function["Properties"]["FunctionName"]).removeprefix("${AWS::StackName}-")


def sub(value):
    return value["Fn::Sub"] if isinstance(value, dict) and isinstance(value.get("Fn::Sub"), str) else str(value)


def logical_id(reference):
    """Returns the resource of `Ref` or `Fn::GetAtt`, or the first one that a `Fn::Sub` names."""
    if "Ref" in reference:
        return reference["Ref"]
    if "Fn::GetAtt" in reference:
        return reference["Fn::GetAtt"][0]
    return next(iter(named_in(sub(reference))), None)


def named_in(text):
    return [it.split(".")[0] for it in re.findall(r"\$\{([^!}]+)\}", text) if not it.startswith("AWS::")]


def either(value):
    """Returns the value for a condition that holds."""
    return value["Fn::If"][1] if isinstance(value, dict) and "Fn::If" in value else value


def texts(value):
    return value if isinstance(value, list) else [value]


def methods(api):
    for path, operations in api["Properties"]["Body"]["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation.get("x-amazon-apigateway-integration", {})


def function_of(uri):
    found = re.search(r"function:\$\{AWS::StackName\}-([a-z-]+)/", uri)
    return found.group(1) if found else None


def check_functions(template):
    check("every folder of functions/ is a function, and nothing else is", set(template.functions) == FUNCTIONS, sorted(template.functions))
    for folder, function in sorted(template.functions.items()):
        check(f"{folder}: arm64 on provided.al2023", function["Architectures"] == ["arm64"] and function["Runtime"] == "provided.al2023")
        check(f"{folder}: logs into its own group", template.resources[logical_id(function["LoggingConfig"]["LogGroup"])]["Type"] == "AWS::Logs::LogGroup")
        environment = function["Environment"]["Variables"]
        check(f"{folder}: no loopback", "FLOWGATE_ALLOW_LOOPBACK" not in environment)
        check(f"{folder}: knows the public URL with its stage", "/prod" in json.dumps(environment["FLOWGATE_PUBLIC_URL"]))
        check(f"{folder}: no admin key in the environment", not [it for it in environment if "KEY" in it.replace("KEYRING", "")])
        # A collector of spans is the operator's; services of AWS are where AWS has them.
        endpoints = [it for it in environment if "ENDPOINT" in it]
        check(f"{folder}: no endpoint of AWS in the environment", endpoints == ["OTEL_EXPORTER_OTLP_ENDPOINT"], endpoints)
        completes = environment.get("FLOWGATE_COMPLETES_KEYRING") == "true"
        may = any("secretsmanager:PutSecretValue" in texts(it["Action"]) and it["Resource"] == {"Ref": "KeyringSecret"} for it in template.statements(folder))
        check(f"{folder}: completes the keyring exactly if it may write it", completes == may == (folder in BUFFERED), (completes, may))
    for name, group in template.all("AWS::Logs::LogGroup").items():
        check(f"{name}: keeps logs as long as the parameter says", group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"})


def check_routes(template):
    api = template.one("AWS::ApiGateway::RestApi")
    check("the API is regional", api["Properties"]["EndpointConfiguration"] == {"Types": ["REGIONAL"]}, api["Properties"].get("EndpointConfiguration"))
    check("every body arrives as base64", "*/*" in json.dumps(api["Properties"]["BinaryMediaTypes"]).replace("~1", "/"))
    served = set()
    for path, method, integration in methods(api):
        uri = sub(integration.get("uri"))
        folder = function_of(uri)
        served.add(folder)
        mode, limit = integration.get("responseTransferMode"), integration.get("timeoutInMillis")
        check(f"{method} {path}: a proxy of a function", integration.get("type") == "aws_proxy" and folder in FUNCTIONS, uri)
        if folder in STREAMED:
            holds = STREAMING_URI.search(uri) and mode == "STREAM" and limit == 900000
            check(f"{method} {path}: {folder} streams, 15 minutes", bool(holds), (mode, limit, uri))
        else:
            holds = BUFFERED_URI.search(uri) and mode is None and limit is None
            check(f"{method} {path}: {folder} does not stream", bool(holds), (mode, limit, uri))
    check("the API leads to the five functions that speak HTTP", served == STREAMED | BUFFERED | PAGES, served)
    paths = api["Properties"]["Body"]["paths"]
    check("unknown routes go to a function", {"/", "/{proxy+}"} <= set(paths))
    pages = {(path, method) for path, method, integration in methods(api) if function_of(sub(integration.get("uri"))) in PAGES}
    check("pages are where no route of the API is", pages == {(path, method) for path in ("/", "/{proxy+}") for method in ("get", "head")}, sorted(pages))
    any_method = [path for path, operations in paths.items() if "x-amazon-apigateway-any-method" not in operations]
    check("every path takes every method", not any_method, any_method)
    check_path_parameters(paths)


def check_path_parameters(paths):
    """API Gateway allows one parameter name per place, and would refuse the import."""
    names = {}
    for path in paths:
        parts = path.split("/")
        for at, part in enumerate(parts):
            if part.startswith("{"):
                names.setdefault("/".join(parts[:at]), set()).add(part)
    twice = {place: sorted(found) for place, found in names.items() if len(found - {"{proxy+}"}) > 1}
    check("a place in a path has one parameter name", not twice, twice)


def check_invocation(template):
    allowed = {}
    for permission in template.all("AWS::Lambda::Permission").values():
        properties = permission["Properties"]
        function = template.resources[logical_id(properties["FunctionName"])]
        check(f"{folder_of(function)}: invoked by one source", "SourceArn" in properties)
        allowed[folder_of(function)] = properties["Principal"]
    expected = dict.fromkeys(STREAMED | BUFFERED | PAGES, "apigateway.amazonaws.com") | dict.fromkeys(TIMED, "events.amazonaws.com")
    check("the gateway and the timer may invoke their functions, nobody else", allowed == expected, allowed)


def check_answers_of_the_gateway(template):
    responses = template.one("AWS::ApiGateway::RestApi")["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    missing = sorted(set(SHAPED_RESPONSES) - set(responses))
    check("the gateway's refusals are shaped", not missing, missing)
    for name, response in sorted(responses.items()):
        headers = response.get("responseParameters", {})
        problem = read_problem(response)
        check(f"{name}: problem+json", headers.get("gatewayresponse.header.Content-Type") == "'application/problem+json'", headers)
        check(f"{name}: our fields", set(problem) == PROBLEM_FIELDS and problem["request_id"] == "$context.requestId", problem)
        expected = SHAPED_RESPONSES.get(name, problem.get("status"))
        check(f"{name}: {expected}", str(response.get("statusCode")) == str(problem.get("status")) == str(expected), response.get("statusCode"))
    for name in ("THROTTLED", "QUOTA_EXCEEDED", "API_CONFIGURATION_ERROR"):
        check(f"{name}: Retry-After", "gatewayresponse.header.Retry-After" in responses.get(name, {}).get("responseParameters", {}))


def read_problem(response):
    templates = list(response.get("responseTemplates", {}).values())
    try:
        return json.loads(templates[0])
    except (IndexError, ValueError) as refused:
        return {"unreadable": str(refused)}


def check_stage(template):
    stage = template.one("AWS::ApiGateway::Stage")["Properties"]
    settings = stage["MethodSettings"][0]
    check("the stage throttles every method", settings["ResourcePath"] == "/*" and {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= set(settings))
    check("the stage logs no bodies", not settings.get("DataTraceEnabled") and settings.get("LoggingLevel", "OFF") == "OFF")
    log_format = either(stage["AccessLogSetting"])["Format"]
    check("the access log is JSON", isinstance(json.loads(log_format), dict))
    logged = set(re.findall(r"\$context\.([A-Za-z.]+)", log_format))
    check("the access log holds no credential, body, query or header", logged <= LOGGED and "$input" not in log_format, sorted(logged - LOGGED))


def check_queues(template):
    mappings = {folder_of(template.resources[logical_id(it["Properties"]["FunctionName"])]): it["Properties"] for it in template.all("AWS::Lambda::EventSourceMapping").values()}
    check("worker and webhook have a queue", set(mappings) == QUEUED, sorted(mappings))
    for folder, size in (("worker", 1), ("webhook", 10)):
        mapping = mappings[folder]
        queue = template.resources[logical_id(mapping["EventSourceArn"])]["Properties"]
        timeout = template.functions[folder]["Timeout"]
        check(f"{folder}: batches of {size}", mapping["BatchSize"] == size, mapping["BatchSize"])
        check(f"{folder}: reports which messages failed", mapping.get("FunctionResponseTypes") == ["ReportBatchItemFailures"])
        check(f"{folder}: the parameter limits its concurrency", "MaximumConcurrency" in mapping.get("ScalingConfig", {}))
        check(f"{folder}: may send to its own queue without a limit", template.functions[folder].get("RecursiveLoop") == "Allow")
        check(f"{folder}: a message is invisible for its function's timeout plus a minute", queue["VisibilityTimeout"] == timeout + 60, (queue["VisibilityTimeout"], timeout))
        check_dead_letters(template, folder, queue)
    check("ten webhooks of 20 s each fit into their function", template.functions["webhook"]["Timeout"] >= 10 * 20 + 60)
    for name, queue in template.all("AWS::SQS::Queue").items():
        check(f"{name}: encrypted", queue["Properties"].get("SqsManagedSseEnabled") is True)


def check_dead_letters(template, folder, queue):
    redrive = queue.get("RedrivePolicy", {})
    dead = template.resources[logical_id(redrive["deadLetterTargetArn"])]["Properties"]
    check(f"{folder}: five attempts, then the dead letters", redrive["maxReceiveCount"] == 5)
    check(f"{folder}: dead letters are kept for 14 days", dead["MessageRetentionPeriod"] == 14 * 24 * 3600)
    check(f"{folder}: dead letters have none of their own", "RedrivePolicy" not in dead)


def check_stores(template):
    table = template.one("AWS::DynamoDB::Table")
    properties = table["Properties"]
    check("the table forgets by expires_at", properties["TimeToLiveSpecification"] == {"Enabled": True, "AttributeName": "expires_at"})
    check("the table can be restored to any moment", properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True)
    check("the table cannot be deleted by accident", properties["DeletionProtectionEnabled"] is True)
    check("the table is encrypted", properties["SSESpecification"]["SSEEnabled"] is True)
    check("the table is paid per request", properties["BillingMode"] == "PAY_PER_REQUEST")
    check("the table's key", key_of(properties) == ["pk", "sk"], key_of(properties))
    indexes = {it["IndexName"]: (key_of(it), it["Projection"]) for it in properties["GlobalSecondaryIndexes"]}
    check("the index due", indexes.get("due") == (["due_shard", "look_at"], {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["due_at"]}), indexes.get("due"))
    included = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["state", "user", "created_at"]}
    check("the index list", indexes.get("list") == (["list_pk", "list_sk"], included), indexes.get("list"))
    kinds = {it["AttributeName"]: it["AttributeType"] for it in properties["AttributeDefinitions"]}
    check("times in an index are numbers", kinds.get("look_at") == "N" and set("".join(v for k, v in kinds.items() if k != "look_at")) == {"S"}, kinds)
    secret = template.one("AWS::SecretsManager::Secret")
    generated = secret["Properties"]["GenerateSecretString"]
    check("the deployment generates the first admin key, 32 characters or more", generated["GenerateStringKey"] == "bootstrap_token" and generated["PasswordLength"] >= 32)
    bucket = template.one("AWS::S3::Bucket")
    properties = bucket["Properties"]
    check("nobody but its owner sees the bucket", set(properties["PublicAccessBlockConfiguration"].values()) == {True} and len(properties["PublicAccessBlockConfiguration"]) == 4)
    check("the bucket is encrypted", properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256")
    check("what is erased in the bucket is gone", "VersioningConfiguration" not in properties)
    check("parts of broken uploads expire", any("AbortIncompleteMultipartUpload" in it for it in properties["LifecycleConfiguration"]["Rules"]))
    for name, kept, policy in (("table", table, "Retain"), ("keyring", secret, "RetainExceptOnCreate"), ("bucket", bucket, "RetainExceptOnCreate")):
        check(f"the {name} outlives the stack", kept.get("DeletionPolicy") == policy and kept.get("UpdateReplacePolicy") == "Retain")


def key_of(table):
    return [it["AttributeName"] for it in sorted(table["KeySchema"], key=lambda it: it["KeyType"])]


def check_timer(template):
    rule = template.one("AWS::Events::Rule")["Properties"]
    check("the timer runs every minute", rule["ScheduleExpression"] == "rate(1 minute)")
    check("the timer invokes the sweeper", folder_of(template.resources[logical_id(rule["Targets"][0]["Arn"])]) == "sweeper")


def check_roles(template):
    roles = {logical_id(function["Role"]) for function in template.functions.values()}
    check("one role per function", len(roles) == len(template.functions), sorted(roles))
    for name, role in template.all("AWS::IAM::Role").items():
        managed = [sub(it) for it in role["Properties"].get("ManagedPolicyArns", [])]
        if name in roles:
            check(f"{name}: no managed policy", not managed, managed)
        else:
            holds = len(managed) == 1 and managed[0].endswith(GATEWAY_LOGS) and not role["Properties"].get("Policies")
            check(f"{name}: the gateway's role to log, and no more", holds, managed)
    loose = [name for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy") for name in template.all(kind)]
    check("no policy exists outside the roles", not loose, loose)
    for folder in sorted(PAGES):
        check(f"{folder}: logs, and does nothing else", template.granted(folder) <= LOGS | X_RAY, sorted(template.granted(folder)))
    for folder in sorted(template.functions):
        for statement in template.statements(folder):
            check_statement(template, folder, statement)


def check_statement(template, folder, statement):
    actions = set(texts(statement["Action"]))
    label = f"{folder}: {', '.join(sorted(actions))}"
    check(f"{label}: an exact grant", statement["Effect"] == "Allow" and not [it for it in actions if "*" in it] and not {"NotAction", "NotResource"} & set(statement))
    if actions <= X_RAY:
        return
    for resource in branches(statement["Resource"]):
        check(f"{label}: on {short(resource)}", is_exact(template, resource), resource)


def branches(value):
    """Returns every possible resource, whatever the conditions."""
    if isinstance(value, dict) and "Fn::If" in value:
        return [it for branch in value["Fn::If"][1:] for it in branches(branch)]
    return [it for item in value for it in branches(item)] if isinstance(value, list) else [value]


def short(resource):
    return resource.get("Ref") or ".".join(resource.get("Fn::GetAtt", [])) or sub(resource)[-60:] if isinstance(resource, dict) else resource


def is_exact(template, resource):
    """Allows resources of this template, indexes, files in a bucket, the restored table, provider secrets under the stack's name."""
    if not isinstance(resource, dict):
        return False
    text = sub(resource) if "Fn::Sub" in resource else ""
    if text.endswith(":secret:${AWS::StackName}/provider/*"):
        return True
    named = set(template.resources) | {"RestoredTable"}
    # Objects have no ARN of their own in a template.
    text = text.removesuffix("/files/*")
    return "*" not in text and "?" not in text and logical_id(resource) in named


def check_circles(template):
    """CloudFormation creates a resource after those it names, and refuses a circle only at deployment."""
    edges = {name: references(it) & set(template.resources) for name, it in template.resources.items()}
    while ready := [name for name, needs in edges.items() if not needs]:
        for name in ready:
            del edges[name]
        edges = {name: needs - set(ready) for name, needs in edges.items()}
    check("no resource needs itself", not edges, sorted(edges))


def references(value):
    if isinstance(value, list):
        return set().union(*map(references, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        if key == "Ref":
            found.add(inner)
        elif key == "Fn::GetAtt":
            found.add(inner[0] if isinstance(inner, list) else inner.split(".")[0])
        elif key == "DependsOn":
            found.update(texts(inner))
        elif key == "Fn::Sub":
            found.update(named_in(inner if isinstance(inner, str) else inner[0]))
            found |= references(inner) if isinstance(inner, list) else set()
        else:
            found |= references(inner)
    return found


def check_outputs(template):
    outputs = template.document["Outputs"]
    for name in ("BaseUrl", "AdminKeyCommand", "KeyringArn", "TableName", "RunQueueUrl", "WebhookQueueUrl"):
        check(f"the output {name}", name in outputs)
    check("no output shows a secret", "resolve:" not in json.dumps(outputs))


def check_seen(template, seen):
    """An unused grant is too much, and a missing one fails on AWS."""
    check("the end-to-end run saw every function", set(seen) >= FUNCTIONS - PAGES, sorted(FUNCTIONS - PAGES - set(seen)))
    for folder in sorted(FUNCTIONS):
        beside = LOGS | X_RAY | (POLLS if folder in QUEUED else set())
        granted, used = template.granted(folder) - beside, set(seen.get(folder, ())) - beside
        check(f"{folder}: every grant was used", granted <= used, sorted(granted - used))
        check(f"{folder}: every used action is granted", used <= granted, sorted(used - granted))


def together(files):
    seen = {}
    for file in files:
        for folder, actions in json.load(open(file)).items():
            seen.setdefault(folder, set()).update(actions)
    return seen


def main():
    template = Template(json.load(open(sys.argv[1])))
    for checks in (
        check_functions, check_routes, check_invocation, check_answers_of_the_gateway, check_stage, check_queues, check_stores,
        check_timer, check_roles, check_circles, check_outputs,
    ):
        checks(template)
    if len(sys.argv) > 2:
        check_seen(template, together(sys.argv[2:]))
    print(f"{passed} passed, {len(failures)} failed")
    sys.exit(bool(failures))


main()
