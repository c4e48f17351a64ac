//! Files while S3 fails, and links that take nothing but what was announced.

use anyhow::{Context, Result};
use flowgate_aws::Config;
use flowgate_core::file::{FileId, FileOwner, NewFile, Shared};
use flowgate_core::hash::sha256_hex;
use flowgate_tests::ports::sample::{at, run_id};
use flowgate_tests::stores::Stores;

use super::{aws, world};

fn new(owner: FileOwner) -> NewFile {
    NewFile {
        id: FileId::new([1; 16]),
        name: "a\"b\r\n.png".to_owned(),
        media_type: "image/png".to_owned(),
        owner,
        created_at: at(0),
    }
}

/// F13: the write fails, and what is stored of it can be neither read nor given to a run.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_put_that_fails_leaves_nothing_that_is_read() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let broken = Config { bucket: "broken-bucket".to_owned(), ..config.clone() };
    let files = world(&aws(&broken, 0)).files;
    let mut writer = files.create(new(FileOwner::Run(run_id(1)?))).await?;
    writer.write(b"lost").await?;
    assert!(writer.finish().await.is_err());
    let id = FileId::new([1; 16]);
    let record = files.of_run(&id, &run_id(1)?).await?.context("the row")?;
    assert!(!record.is_whole);
    assert_eq!(files.share(&id, &run_id(2)?, at(1)).await?, Shared::Unknown);
    // Once S3 is back, the row leads to its end.
    let files = world(&aws(&config, 0)).files;
    let later = at(0) + flowgate_core::file::RUN_STORED_WITHIN;
    assert!(files.collect(&id, later).await?);
    assert!(files.find(&id).await?.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn links_take_and_give_exactly_one_file() -> Result<()> {
    let double = Stores::start()?;
    let files = world(&aws(&double.fresh().await?, 0)).files;
    let id = FileId::new([1; 16]);
    files.announce(new(FileOwner::Uploader(None)), 5, &sha256_hex(b"12345")).await?;
    let record = files.find(&id).await?.context("the row")?;
    let link = files.upload_link(&record).await?.context("a link")?;
    let client = reqwest::Client::new();
    let put = async |url: &str, bytes: &'static str| -> Result<u16> {
        let mut request = client.put(url).body(bytes);
        for (name, value) in link.headers.iter().filter(|(name, _)| name != "content-length") {
            request = request.header(name, value);
        }
        Ok(request.send().await?.status().as_u16())
    };
    assert_eq!(put(&link.url, "12346").await?, 400, "another hash");
    assert_eq!(put(&link.url, "123456").await?, 403, "another size");
    assert_eq!(put(&link.url.replace("/files/", "/other/"), "12345").await?, 403);
    assert!(!files.find(&id).await?.context("the row")?.is_whole);
    let without = client.put(&link.url).body("12345").send().await?;
    assert_eq!(without.status().as_u16(), 403, "without its hash");
    assert_eq!(put(&link.url, "12345").await?, 200);
    let record = files.find(&id).await?.context("the row")?;
    assert!(record.is_whole);

    let link = files.link(&record).await?.context("a link")?;
    let read = client.get(&link.url).send().await?;
    let disposition = read.headers()["content-disposition"].to_str()?.to_owned();
    assert_eq!(disposition, "attachment; filename=\"a_b__.png\"; filename*=UTF-8''a%22b%0D%0A.png");
    assert_eq!(read.headers()["content-type"], "application/octet-stream");
    assert_eq!(read.text().await?, "12345");
    let other = link.url.replace("attachment", "inline");
    assert_eq!(client.get(other).send().await?.status().as_u16(), 403);
    Ok(())
}
