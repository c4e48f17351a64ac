use flowgate_engine::call::EmbedCall;

use super::*;

fn call(texts: &[&str]) -> EmbedCall {
    EmbedCall {
        model: "offline/words".to_owned(),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        ..EmbedCall::default()
    }
}

#[test]
fn a_value_has_a_vector_for_each_text() {
    let value = |vectors: Vec<Vec<f32>>| {
        let embedded = Embedded { vectors, tokens: Some(3) };
        value_of(&call(&["a", "b"]), &embedded, Some(5)).map_err(|error| error.message)
    };
    let good = value(vec![vec![1.0], vec![-0.5]]).unwrap();
    assert_eq!(good.value["vectors"], json!(["AACAPw==", "AAAAvw=="]));
    assert_eq!((&good.value["dimensions"], good.cost_nano_usd), (&json!(1), Some(5)));
    for wrong in [
        vec![vec![1.0]],
        vec![vec![1.0], vec![1.0, 2.0]],
        vec![vec![], vec![]],
        vec![vec![1.0], vec![f32::INFINITY]],
        vec![vec![1.0; MAX_DIMENSIONS + 1], vec![1.0; MAX_DIMENSIONS + 1]],
    ] {
        assert!(value(wrong).is_err());
    }
}

#[test]
fn words_cost_nothing_and_no_other_model_is_offline() {
    let words = offline(&call(&["x"]), "words").unwrap();
    assert_eq!((words.tokens, words.cost_nano_usd), (Some(0), Some(0)));
    assert_eq!(offline(&call(&["x"]), "echo").unwrap_err().code, "unknown_model");
}

#[test]
fn known_models_have_a_price() {
    for (provider, model, nano_usd) in [
        ("openai", "text-embedding-3-small", 20_000),
        ("openai", "text-embedding-3-large", 130_000),
        ("gemini", "gemini-embedding-001", 150_000),
        ("cohere", "embed-v4.0", 120_000),
    ] {
        let usage = Usage { input: Some(1_000), output: Some(0), ..Usage::default() };
        assert_eq!(price::cost(provider, model, &usage), Some(nano_usd), "{model}");
    }
}
