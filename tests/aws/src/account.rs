//! Creates everything that a template describes, and runs it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::face::Face;
use crate::function::Function;
use crate::permissions::{Permissions, Statement, queue_arn, table_arn};
use crate::poller::{self, Mapping};
use crate::pool::Pool;
use crate::queues::{ACCOUNT, REGION};
use crate::routes::Routes;
use crate::runtime_api::Pools;
use crate::spawn::Spawner;
use crate::template::{STACK, Template};
use crate::timer;

pub(crate) struct Wishes {
    pub(crate) template: PathBuf,
    pub(crate) functions: PathBuf,
    pub(crate) admin_key: Option<String>,
    /// Environment variables that every function gets in addition to the template's.
    pub(crate) set: Vec<(String, String)>,
    pub(crate) sweep_every: Duration,
    /// By folder.
    pub(crate) concurrency: HashMap<String, usize>,
    /// By folder, in seconds.
    pub(crate) timeout: HashMap<String, u64>,
}

pub(crate) struct Account {
    pub(crate) face: Arc<Face>,
    pub(crate) pools: Pools,
    pub(crate) routes: Arc<Routes>,
    /// Queue names by the first word of their logical ids, in lower case: `run` for `RunQueue`.
    pub(crate) queues: HashMap<String, String>,
}

impl Account {
    /// `gateway` and `stores` are the addresses of the API and the stores.
    pub(crate) async fn start(
        wishes: &Wishes,
        gateway: &str,
        stores: &str,
    ) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(&wishes.template)
            .with_context(|| format!("{} is not read", wishes.template.display()))?;
        let mut template = Template::read(&text)?;
        let mut face = Face::start(stores, Permissions::everything()).await?;
        make_tables(&mut template, &face).await?;
        let queues = make_queues(&mut template, &face)?;
        make_secrets(&mut template, &face, wishes.admin_key.as_deref()).await?;
        make_buckets(&mut template)?;
        name_functions(&mut template)?;

        let routes = Routes::read(&template)?;
        let public_url = format!("{gateway}/{}", routes.stage);
        let functions = read_functions(&template, wishes, &public_url, stores)?;
        face.permissions = Permissions::of(roles(&template, &functions)?);
        let spawner = Spawner::start();
        let runtime_api = format!("{stores}/runtime");
        let pool = |function: Function| {
            (function.name.clone(), Arc::new(Pool::new(function, &runtime_api, spawner.clone())))
        };
        let pools: Pools = Arc::new(functions.into_iter().map(pool).collect());
        for function in routes.functions() {
            anyhow::ensure!(
                pools.contains_key(function),
                "the API names the function {function}, which does not exist"
            );
            may_invoke(&template, "apigateway.amazonaws.com", function)?;
        }
        let account = Self { face: Arc::new(face), pools, routes: Arc::new(routes), queues };
        account.start_pollers(&template, &wishes.concurrency)?;
        account.start_timers(&template, wishes.sweep_every)?;
        Ok(account)
    }

    /// By its folder or its logical id.
    pub(crate) fn pool(&self, function: &str) -> Option<&Arc<Pool>> {
        self.pools
            .values()
            .find(|pool| pool.function.folder == function || pool.function.logical_id == function)
    }

    pub(crate) fn kill_all(&self) {
        self.pools.values().for_each(|pool| pool.kill_all());
    }

    fn start_pollers(
        &self,
        template: &Template,
        wished: &HashMap<String, usize>,
    ) -> anyhow::Result<()> {
        for (name, properties, _) in template.resources("AWS::Lambda::EventSourceMapping")? {
            let properties = template.resolve(&properties)?;
            let pool = self
                .named(&properties["FunctionName"])
                .with_context(|| format!("the function of {name}"))?;
            let number = |value: &Value| {
                template.text(value).ok().and_then(|text| text.parse::<usize>().ok())
            };
            let given = number(&properties["ScalingConfig"]["MaximumConcurrency"]).unwrap_or(1_000);
            let mapping = Mapping {
                queue: last_part(&properties["EventSourceArn"]),
                batch_size: number(&properties["BatchSize"]).unwrap_or(10),
                concurrency: wished.get(&pool.function.folder).copied().unwrap_or(given),
                partial: properties["FunctionResponseTypes"]
                    .as_array()
                    .is_some_and(|kinds| kinds.contains(&json!("ReportBatchItemFailures"))),
            };
            poller::check(&mapping, pool, &self.face)?;
            tokio::spawn(poller::poll(mapping, pool.clone(), self.face.clone()));
        }
        Ok(())
    }

    fn start_timers(&self, template: &Template, every: Duration) -> anyhow::Result<()> {
        for (name, properties, _) in template.resources("AWS::Events::Rule")? {
            let properties = template.resolve(&properties)?;
            let pool = self
                .named(&properties["Targets"][0]["Arn"])
                .with_context(|| format!("the target of {name}"))?;
            may_invoke(template, "events.amazonaws.com", &pool.function.name)?;
            tokio::spawn(timer::tick(pool.clone(), name, every));
        }
        Ok(())
    }

    fn named(&self, name_or_arn: &Value) -> Option<&Arc<Pool>> {
        self.pools.get(&last_part(name_or_arn))
    }
}

async fn make_tables(template: &mut Template, face: &Face) -> anyhow::Result<()> {
    for (id, properties, _) in template.resources("AWS::DynamoDB::Table")? {
        let name = given_name(template, &properties["TableName"], &format!("{STACK}-{id}"))?;
        let properties = template.resolve(&properties)?;
        face.tables.create(&name, &properties).await?;
        template.made(&id, &name, &[("Arn", &table_arn(&name))]);
    }
    Ok(())
}

/// Objects need no bucket in the double: their paths begin with its name.
fn make_buckets(template: &mut Template) -> anyhow::Result<()> {
    for (id, properties, _) in template.resources("AWS::S3::Bucket")? {
        let name = format!("{STACK}-{id}").to_lowercase();
        let name = given_name(template, &properties["BucketName"], &name)?;
        template.made(&id, &name, &[("Arn", &format!("arn:aws:s3:::{name}"))]);
    }
    Ok(())
}

/// Reads all names first, since a queue refers to its dead letters.
fn make_queues(template: &mut Template, face: &Face) -> anyhow::Result<HashMap<String, String>> {
    let queues = template.resources("AWS::SQS::Queue")?;
    let mut names = HashMap::new();
    for (id, properties, _) in &queues {
        let name = given_name(template, &properties["QueueName"], &format!("{STACK}-{id}"))?;
        template.made(
            id,
            &face.queues.url_of(&name),
            &[("Arn", &queue_arn(&name)), ("QueueName", &name)],
        );
        names.insert(id.clone(), name);
    }
    for (id, properties, _) in &queues {
        let mut attributes = HashMap::new();
        for (attribute, value) in template.resolve(properties)?.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            attributes.insert(attribute.clone(), text);
        }
        face.queues.create(&names[id], &attributes)?;
    }
    let first_word =
        |id: &String| id.to_lowercase().split("queue").next().unwrap_or_default().to_owned();
    let first_words = names
        .iter()
        .filter(|(id, _)| id.ends_with("Queue"))
        .map(|(id, name)| (first_word(id), name.clone()));
    Ok(first_words.chain(names.clone()).collect())
}

async fn make_secrets(
    template: &mut Template,
    face: &Face,
    admin_key: Option<&str>,
) -> anyhow::Result<()> {
    for (id, properties, _) in template.resources("AWS::SecretsManager::Secret")? {
        let name = given_name(template, &properties["Name"], &format!("{STACK}/{id}"))?;
        let properties = template.resolve(&properties)?;
        let value = match &properties["SecretString"] {
            Value::String(text) => text.clone(),
            _ => generated(&properties["GenerateSecretString"], admin_key)?,
        };
        let arn = face.secrets.create(&name, &value).await?;
        template.made(&id, &arn, &[("Id", &arn), ("Arn", &arn)]);
    }
    Ok(())
}

fn generated(how: &Value, admin_key: Option<&str>) -> anyhow::Result<String> {
    let length = how["PasswordLength"]
        .as_u64()
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or(32);
    let random: String = std::iter::repeat_with(|| Uuid::new_v4().simple().to_string())
        .flat_map(|text| text.chars().collect::<Vec<_>>())
        .take(length)
        .collect();
    let Some(key) = how["GenerateStringKey"].as_str() else { return Ok(random) };
    let mut value: Value =
        serde_json::from_str(how["SecretStringTemplate"].as_str().unwrap_or("{}"))?;
    value[key] =
        json!(if key == "bootstrap_token" { admin_key.unwrap_or(&random) } else { &random });
    Ok(value.to_string())
}

fn name_functions(template: &mut Template) -> anyhow::Result<()> {
    for (id, properties, _) in template.resources("AWS::Lambda::Function")? {
        let name = given_name(template, &properties["FunctionName"], &id)?;
        template.made(
            &id,
            &name,
            &[("Arn", &format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"))],
        );
    }
    for (id, properties, _) in template.resources("AWS::ApiGateway::Stage")? {
        let stage = template.text(&properties["StageName"])?;
        template.made(&id, &stage, &[]);
    }
    Ok(())
}

fn read_functions(
    template: &Template,
    wishes: &Wishes,
    public_url: &str,
    stores: &str,
) -> anyhow::Result<Vec<Function>> {
    let mut functions = Vec::new();
    for (id, _, resource) in template.resources("AWS::Lambda::Function")? {
        let mut function = Function::read(&id, &resource, template, &wishes.functions)
            .with_context(|| format!("the function {id}"))?;
        anyhow::ensure!(
            function.binary.is_file(),
            "{} of {id} does not exist",
            function.binary.display()
        );
        for service in ["DYNAMODB", "SQS", "SECRETS_MANAGER", "S3"] {
            function.environment.insert(format!("AWS_ENDPOINT_URL_{service}"), stores.to_owned());
        }
        function.environment.insert("FLOWGATE_PUBLIC_URL".to_owned(), public_url.to_owned());
        function.environment.extend(wishes.set.iter().cloned());
        if let Some(seconds) = wishes.timeout.get(&function.folder) {
            function.timeout = Duration::from_secs(*seconds);
        }
        function.concurrency = wishes
            .concurrency
            .get(&function.folder)
            .copied()
            .unwrap_or(function.concurrency)
            .max(1);
        functions.push(function);
    }
    Ok(functions)
}

/// Returns the statements of each function's role, by folder.
fn roles(
    template: &Template,
    functions: &[Function],
) -> anyhow::Result<HashMap<String, Vec<Statement>>> {
    let mut roles = HashMap::new();
    let resources = template.resources("AWS::Lambda::Function")?;
    for function in functions {
        let properties = resources
            .iter()
            .find(|(id, _, _)| *id == function.logical_id)
            .map(|(_, properties, _)| properties);
        let role = properties.map(|properties| {
            properties["Role"]["Fn::GetAtt"][0].as_str().unwrap_or_default().to_owned()
        });
        let statements = statements(template, &role.unwrap_or_default())
            .with_context(|| format!("the role of {}", function.name))?;
        roles.insert(function.folder.clone(), statements);
    }
    Ok(roles)
}

/// The managed policy that SAM gives to a function with a queue.
const QUEUE_POLICY: &str = "AWSLambdaSQSQueueExecutionRole";

fn statements(template: &Template, role: &str) -> anyhow::Result<Vec<Statement>> {
    let mut statements = Vec::new();
    for (_, properties, _) in
        template.resources("AWS::IAM::Role")?.iter().filter(|(id, _, _)| id == role)
    {
        for policy in properties["Policies"].as_array().into_iter().flatten() {
            statements.extend(Statement::read(&template.resolve(&policy["PolicyDocument"])?));
        }
        let managed = template.resolve(&properties["ManagedPolicyArns"])?;
        if managed
            .as_array()
            .into_iter()
            .flatten()
            .any(|arn| arn.as_str().is_some_and(|arn| arn.ends_with(QUEUE_POLICY)))
        {
            let actions =
                json!(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]);
            statements.extend(Statement::read(
                &json!({ "Statement": { "Effect": "Allow", "Action": actions, "Resource": "*" } }),
            ));
        }
    }
    for (_, properties, _) in template.resources("AWS::IAM::Policy")? {
        let attached = properties["Roles"]
            .as_array()
            .is_some_and(|roles| roles.contains(&json!({ "Ref": role })));
        if attached {
            statements.extend(Statement::read(&template.resolve(&properties["PolicyDocument"])?));
        }
    }
    Ok(statements)
}

/// Fails if a service lacks the permission to invoke a function. On AWS, each call would fail.
fn may_invoke(template: &Template, service: &str, function: &str) -> anyhow::Result<()> {
    for (_, properties, _) in template.resources("AWS::Lambda::Permission")? {
        let permitted = last_part(&template.resolve(&properties["FunctionName"])?);
        if properties["Principal"] == service && permitted == function {
            return Ok(());
        }
    }
    anyhow::bail!("{service} is not permitted to invoke {function}")
}

fn given_name(template: &Template, name: &Value, otherwise: &str) -> anyhow::Result<String> {
    if name.is_null() { Ok(otherwise.to_owned()) } else { template.text(name) }
}

/// Returns the name at the end of an ARN, or a plain name.
fn last_part(name_or_arn: &Value) -> String {
    name_or_arn.as_str().and_then(|arn| arn.rsplit(':').next()).unwrap_or_default().to_owned()
}
