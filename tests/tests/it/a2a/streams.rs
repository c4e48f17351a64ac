//! Streams: of new tasks, cut, subscribed to.

use super::*;
use crate::stream::read;

const STORY: &str = "input: [{ name: prompt, type: string }]\n\
                     nodes: [{ id: draft, type: agent, model: offline/echo, echo_delay: 40ms, \
                     prompt: <api.prompt> }]\n\
                     output: { story: <draft.content> }\n";
const WORDS: &str = "one two three four five six seven eight nine ten";

/// The text of an artifact, as a client puts it together.
fn text_of(responses: &[Value], artifact: &str) -> String {
    let mut text = String::new();
    for update in responses.iter().map(|response| &response["artifactUpdate"]) {
        if update["artifact"]["artifactId"] != *artifact {
            continue;
        }
        if update["append"] == false {
            text.clear();
        }
        text.push_str(update["artifact"]["parts"][0]["text"].as_str().unwrap());
    }
    text
}

/// The states that a client learns of, in order.
fn states(responses: &[Value]) -> Vec<&str> {
    responses
        .iter()
        .flat_map(|response| [&response["task"], &response["statusUpdate"]])
        .filter_map(|news| news["status"]["state"].as_str())
        .collect()
}

#[tokio::test]
async fn a_stream_has_the_task_its_text_and_its_end() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    server.publish("fails", FAILING).await;
    for binding in BINDINGS {
        let sent = message(&format!("{binding:?}"), json!([{ "text": WORDS }]));
        let sent = binding.call(&server, ADMIN_KEY, "story", "SendStreamingMessage", sent);
        let all = binding.streamed(sent).await;
        assert_eq!(
            states(&all),
            ["TASK_STATE_SUBMITTED", "TASK_STATE_WORKING", "TASK_STATE_COMPLETED"]
        );
        assert!(
            all[0]["task"]["id"].is_string() && all.last().unwrap()["statusUpdate"].is_object()
        );
        assert_eq!(text_of(&all, "text:draft"), WORDS);
        let texts: Vec<_> = all
            .iter()
            .filter(|response| response["artifactUpdate"]["artifact"]["name"] == "draft")
            .map(|response| &response["artifactUpdate"])
            .collect();
        assert!(texts.len() > 5 && texts[0]["append"] == false && texts[1]["append"] == true);
        let (last, before) = texts.split_last().unwrap();
        assert!(last["lastChunk"] == true && before.iter().all(|text| text["lastChunk"] == false));
        let output = &all[all.len() - 2]["artifactUpdate"];
        assert_eq!(output["artifact"]["artifactId"], "output");
        assert_eq!(output["artifact"]["parts"][0]["data"], json!({ "story": WORDS }));
        for response in &all[1..] {
            let update = response.as_object().unwrap().values().next().unwrap();
            assert_eq!(update["taskId"], all[0]["task"]["id"], "{response}");
            assert_eq!(update["contextId"], all[0]["task"]["contextId"]);
        }

        let sent = message(&format!("{binding:?}"), json!([{ "data": {} }]));
        let sent = binding.call(&server, ADMIN_KEY, "fails", "SendStreamingMessage", sent);
        let all = binding.streamed(sent).await;
        assert_eq!(states(&all).last(), Some(&"TASK_STATE_FAILED"));
        let said = &all.last().unwrap()["statusUpdate"]["status"]["message"]["parts"];
        assert!(said[0]["text"].as_str().unwrap().contains("no luck"));
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_goes_on_by_subscribing() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    for binding in BINDINGS {
        let long = [WORDS; 12].join(" ");
        let sent = message(&format!("{binding:?}"), json!([{ "text": long }]));
        let sent = binding.call(&server, ADMIN_KEY, "story", "SendStreamingMessage", sent);
        let mut seen = 0;
        let cut = read(sent.send().await.unwrap(), |_| {
            seen += 1;
            seen == 6
        })
        .await;
        let task = binding.response(&cut[0].data)["task"].clone();
        let id = task["id"].as_str().unwrap();
        // A closed connection cancels nothing.
        let subscribe =
            || binding.call(&server, ADMIN_KEY, "story", "SubscribeToTask", json!({ "id": id }));
        let all = binding.streamed(subscribe()).await;
        assert_eq!(all[0]["task"]["id"], task["id"], "the task first");
        assert_eq!(states(&all).last(), Some(&"TASK_STATE_COMPLETED"), "{all:?}");
        assert_eq!(text_of(&all, "text:draft"), long, "from its beginning");
        let output = &all[all.len() - 2]["artifactUpdate"]["artifact"]["parts"][0]["data"];
        assert_eq!(*output, json!({ "story": long }));
        assert_eq!(binding.reason(subscribe()).await, "UNSUPPORTED_OPERATION", "it has ended");
    }
}

#[tokio::test]
async fn a_stream_ends_with_a_question_and_goes_on_with_its_answer() {
    let server = TestServer::start().await;
    server.publish("asks", ASKS).await;
    for binding in BINDINGS {
        let sent = message(&format!("{binding:?}"), json!([{ "data": {} }]));
        let sent = binding.call(&server, ADMIN_KEY, "asks", "SendStreamingMessage", sent);
        let all = binding.streamed(sent).await;
        assert_eq!(states(&all).last(), Some(&"TASK_STATE_INPUT_REQUIRED"));
        let asked = &all.last().unwrap()["statusUpdate"]["status"]["message"]["parts"];
        assert_eq!(asked[0]["text"], "Send it?");
        let id = all[0]["task"]["id"].as_str().unwrap();
        // Who subscribes to a task that asks hears of what it asks next, and of its end.
        let subscribe =
            binding.call(&server, ADMIN_KEY, "asks", "SubscribeToTask", json!({ "id": id }));
        // A task that has ended before takes no subscriber.
        let begun = subscribe.send().await.unwrap();
        let subscribed = tokio::spawn(async move { binding.heard(begun).await });
        let mut reply = message("reply", json!([{ "data": { "approved": true } }]));
        reply["message"]["taskId"] = json!(id);
        let reply = binding.call(&server, ADMIN_KEY, "asks", "SendStreamingMessage", reply);
        let all = binding.streamed(reply).await;
        assert_eq!(states(&all).last(), Some(&"TASK_STATE_COMPLETED"), "{all:?}");
        let heard = subscribed.await.unwrap();
        assert_eq!(states(&heard).last(), Some(&"TASK_STATE_COMPLETED"), "{heard:?}");
    }
}
