//! The functions that test the double. The program's name selects one of them.

use std::time::Duration;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use lambda_http::{Body, Error, Request, RequestExt, Response, service_fn};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

type Stream = UnsyncBoxBody<Bytes, Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let name = std::env::args().next().unwrap_or_default();
    let name = name.rsplit('-').next().unwrap_or_default();
    println!("{} starts", name);
    match name {
        "stream" => lambda_http::run_with_streaming_response(service_fn(stream)).await,
        "buffer" => lambda_http::run(service_fn(buffer)).await,
        "queue" => lambda_runtime::run(service_fn(queue)).await,
        "tick" => lambda_runtime::run(service_fn(tick)).await,
        other => Err(format!("no function is called {other}").into()),
    }
}

async fn stream(request: Request) -> Result<Response<Stream>, Error> {
    match request.raw_http_path() {
        "/slow" => {
            let chunks = futures_util::stream::unfold(0, |count| async move {
                if count == 5 {
                    println!("the body ends here");
                    return None;
                }
                tokio::time::sleep(Duration::from_millis(if count == 0 { 0 } else { 200 })).await;
                Some((Ok(Frame::data(Bytes::from(format!("chunk {count}\n")))), count + 1))
            });
            Ok(Response::builder()
                .header("content-type", "text/event-stream")
                .body(StreamBody::new(chunks.boxed()).boxed_unsync())?)
        }
        _ => Ok(answer(request).await?.map(|text| {
            Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
        })),
    }
}

async fn buffer(request: Request) -> Result<Response<String>, Error> {
    answer(request).await
}

async fn answer(request: Request) -> Result<Response<String>, Error> {
    let asked = request.query_string_parameters();
    match asked.first("do").unwrap_or_default() {
        "fail" => return Err("the test asked for a failure".into()),
        "exit" => std::process::exit(3),
        "sleep" => {
            tokio::time::sleep(Duration::from_millis(asked.first("ms").unwrap_or("0").parse()?))
                .await
        }
        "refuse" => {
            return Ok(Response::builder()
                .status(401)
                .header("www-authenticate", "Bearer")
                .body("{}".to_owned())?);
        }
        _ => {}
    }
    let context = request.lambda_context();
    let body = match request.body() {
        Body::Empty => String::new(),
        Body::Text(text) => text.clone(),
        Body::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => "unknown".to_owned(),
    };
    let parameters = request.path_parameters();
    let said = json!({
        "process": std::process::id(),
        "method": request.method().as_str(),
        "path": request.raw_http_path(),
        "query": request.uri().query(),
        "id": parameters.first("id"),
        "proxy": parameters.first("proxy"),
        "header": request.headers().get_all("x-twice").iter().map(
            |value| value.to_str().unwrap_or_default()
        ).collect::<Vec<_>>(),
        "body": body,
        "left_ms": context.deadline.saturating_sub(now_ms()),
        "table": std::env::var("TABLE").unwrap_or_default(),
        "public_url": std::env::var("FLOWGATE_PUBLIC_URL").unwrap_or_default(),
        "joined": std::env::var("JOINED").unwrap_or_default(),
        "set": std::env::var("SET").unwrap_or_default(),
        "key": std::env::var("AWS_ACCESS_KEY_ID").unwrap_or_default(),
    });
    Ok(Response::builder().header("content-type", "application/json").body(said.to_string())?)
}

async fn queue(event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
    let mut failures = Vec::new();
    for record in &event.payload.records {
        println!(
            "took {} of {}",
            record.body.clone().unwrap_or_default(),
            event.payload.records.len()
        );
        match record.body.as_deref().unwrap_or_default() {
            "fail" => {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = record.message_id.clone().unwrap_or_default();
                failures.push(failure);
            }
            "error" => return Err("the batch fails".into()),
            "hang" => tokio::time::sleep(Duration::from_secs(3_600)).await,
            _ => {}
        }
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures;
    Ok(response)
}

async fn tick(event: LambdaEvent<Value>) -> Result<Value, Error> {
    println!("tick {}", event.payload["detail-type"]);
    // Longer than the timer's period: two must never run concurrently.
    tokio::time::sleep(Duration::from_millis(50)).await;
    println!("tock");
    Ok(json!({}))
}

fn now_ms() -> u64 {
    u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap_or_default()
}
