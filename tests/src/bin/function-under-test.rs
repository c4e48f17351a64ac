//! Every function of the AWS home with the kind of the tests. The name under which it is started
//! says which one it is.

use std::path::Path;
use std::process::ExitCode;

use flowgate_lambda::Function;
use flowgate_lambda::starts::RunnerFunction;
use flowgate_tests::several::kinds;

fn main() -> ExitCode {
    flowgate_lambda::main(serve)
}

async fn serve() -> anyhow::Result<()> {
    let started = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&started).file_name().and_then(|name| name.to_str());
    let function = async || Function::start_with(kinds()).await;
    let child = std::env::current_exe()?.with_file_name("child-under-test");
    let run_function = async || RunnerFunction::start_with(kinds(), child.clone()).await;
    match name.unwrap_or_default() {
        "flowgate-invoke" => run_function().await?.streamed(flowgate_api::invoke).await,
        "flowgate-worker" => run_function().await?.runs().await,
        "flowgate-webhook" => run_function().await?.deliveries().await,
        "flowgate-run-status" => function().await?.streamed(flowgate_api::run_status).await,
        "flowgate-keys" => function().await?.buffered(flowgate_api::keys).await,
        "flowgate-workflows" => function().await?.buffered(flowgate_api::workflows).await,
        "flowgate-console" => flowgate_lambda::pages(flowgate_web::answer).await,
        "flowgate-sweeper" => flowgate_lambda::sweeps().await,
        other => anyhow::bail!("no function is called {other:?}"),
    }
}
