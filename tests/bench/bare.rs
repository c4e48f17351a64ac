//! The minimum cost of storing a request: axum, and one insert per request, committed in groups
//! with `synchronous=FULL`.

use std::path::Path;
use std::sync::mpsc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use rusqlite::Connection;
use tokio::sync::oneshot;

const GROUP: usize = 512;

struct Insert {
    body: Bytes,
    done: oneshot::Sender<i64>,
}

pub(crate) fn serve(folder: &Path, address: &str) {
    let (sender, inserts) = mpsc::channel();
    let connection = open(folder);
    std::thread::spawn(move || commit_groups(connection, &inserts));
    let router = Router::new().route("/", post(store)).with_state(sender);
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        use axum::serve::ListenerExt;
        let listener = tokio::net::TcpListener::bind(address).await.expect("the address is free");
        axum::serve(listener.tap_io(|io| drop(io.set_nodelay(true))), router)
            .await
            .expect("it serves");
    });
}

async fn store(State(inserts): State<mpsc::Sender<Insert>>, body: Bytes) -> String {
    let (done, stored) = oneshot::channel();
    inserts.send(Insert { body, done }).expect("the writer lives");
    stored.await.expect("the writer answers").to_string()
}

fn open(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("bare.db")).expect("the database opens");
    connection.pragma_update(None, "journal_mode", "WAL").expect("WAL");
    connection.pragma_update(None, "synchronous", "FULL").expect("FULL");
    connection
        .execute_batch("CREATE TABLE request (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        .expect("the table");
    connection
}

fn commit_groups(connection: Connection, inserts: &mpsc::Receiver<Insert>) {
    while let Ok(first) = inserts.recv() {
        connection.execute_batch("BEGIN IMMEDIATE").expect("begin");
        let mut answers = Vec::new();
        for insert in std::iter::once(first).chain(inserts.try_iter().take(GROUP)) {
            let mut statement = connection
                .prepare_cached("INSERT INTO request (body) VALUES (?1)")
                .expect("the statement");
            answers.push((statement.insert([&insert.body[..]]).expect("the insert"), insert.done));
        }
        connection.execute_batch("COMMIT").expect("commit");
        for (id, done) in answers {
            let _ = done.send(id);
        }
    }
}
