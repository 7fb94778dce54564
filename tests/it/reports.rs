//! Reports of a real ledger, printed, and read by a program that knows only PDF.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use risk_tests::city::{self, City};
use risk_tests::{http, process};
use serde_json::Value;

const SEED: u64 = 20_261_129;

/// What Debian's reader of PDFs finds in a file.
struct Printed {
    text: String,
    fonts: String,
    info: String,
}

fn read(file: &Path) -> Result<Printed> {
    let run = |program: &str, more: &[&str]| {
        let mut command = Command::new(program);
        command.arg(file).args(more);
        process::run(&mut command)
    };
    Ok(Printed {
        // Codes may break after some signs; what is invisible is no part of them.
        text: run("pdftotext", &["-"])?.replace('\u{200b}', ""),
        fonts: run("pdffonts", &[])?,
        info: run("pdfinfo", &[])?,
    })
}

/// A running server, and where its pages are kept.
struct Desk {
    address: String,
    file: PathBuf,
}

impl Desk {
    fn json(&self, path: &str) -> Result<Value> {
        let address = &self.address;
        http::get(&format!("{address}{path}"))?
            .expect_status(200)?
            .json()
    }

    /// Fetches a page and reads it as a PDF with its fonts in it.
    fn printed(&self, path: &str) -> Result<Printed> {
        let bytes = http::bytes(&format!("{}{path}", self.address))?;
        ensure!(
            bytes.starts_with(b"%PDF-"),
            "{path} is no PDF: {}",
            String::from_utf8_lossy(&bytes)
                .chars()
                .take(400)
                .collect::<String>()
        );
        fs::write(&self.file, &bytes)?;
        let printed = read(&self.file).with_context(|| path.to_owned())?;
        let mut fonts = printed.fonts.lines().skip(2).peekable();
        ensure!(fonts.peek().is_some(), "{path} has no fonts");
        for font in fonts {
            // name, type, encoding, emb, sub, uni, object
            ensure!(
                font.contains("NotoSansSC") && font.contains(" yes yes yes "),
                "{path}: a font is not embedded: {font}"
            );
        }
        Ok(printed)
    }
}

/// A text without what parts it.
fn run_on(text: &str) -> String {
    text.split_whitespace().collect()
}

fn percent(rate: &Value, name: &str) -> Result<String> {
    let share = rate.get(name).and_then(Value::as_f64).context("no share")?;
    Ok(format!("{:.2}%", share * 100.0))
}

fn number(of: &Value, pointer: &str) -> Result<u64> {
    let found = of.pointer(pointer).and_then(Value::as_u64);
    found.with_context(|| format!("no {pointer} in {of}"))
}

/// Reports in both languages, of the city, a sector and a zone, the sheet, the letter and the pack are PDFs
/// whose fonts are in them, whose text can be searched, and whose numbers are those of the API's JSON; the
/// same ledger gives the same bytes, from the server and from the command line.
#[test]
fn what_is_printed_says_what_the_api_says() -> Result<()> {
    process::provide("reader")?;
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    City::simulate(SEED, 60)?.import(&data)?;
    let server = city::serve(&data, "")?;
    let desk = Desk {
        address: server.address().to_owned(),
        file: home.path().join("page.pdf"),
    };
    let worst = "/v1/subjects?kind=enterprise&sort=-probability&limit=1";
    let worst = city::text(&desk.json(worst)?["items"][0], "subject")?;
    reports_say_it(&desk)?;
    sheets_are_one_page(&desk)?;
    let letter = letter_says_it(&desk, &worst)?;
    packs_say_it(&desk, &worst, &city::text(&letter, "name")?)?;
    let month = "/v1/reports/monthly?date=2026-05-13";
    let pdf = format!("{}{month}&format=pdf", desk.address);
    ensure!(
        http::bytes(&pdf)? == http::bytes(&pdf)?,
        "a PDF differs when it is made again"
    );
    let month = desk.json(month)?;
    drop(server);
    the_command_line_says_it(home.path(), &data, (month, letter, &worst))
}

fn reports_say_it(desk: &Desk) -> Result<()> {
    for domain in ["city", "sector:toys", "zone:330782"] {
        for kind in ["weekly", "monthly"] {
            let path = format!("/v1/reports/{kind}?domain={domain}&date=2026-05-13");
            let report = desk.json(&path)?;
            let zh = desk.printed(&format!("{path}&format=pdf"))?;
            let en = desk.printed(&format!("{path}&format=pdf&lang=en"))?;
            let title = if kind == "weekly" {
                "产品质量抽查周报"
            } else {
                "月调度报告"
            };
            ensure!(zh.text.contains(title), "{}", zh.text);
            ensure!(zh.text.contains("校正合格率（对外口径）"), "{}", zh.text);
            ensure!(en.text.contains("Corrected (to publish)"), "{}", en.text);
            for rate in [
                &report["rates"]["design"],
                &report["raw"],
                &report["rates"]["random"],
            ] {
                if rate.is_null() {
                    continue;
                }
                for name in ["pass_rate", "lower", "upper"] {
                    let told = percent(rate, name)?;
                    ensure!(zh.text.contains(&told), "{path}: no {told} in {}", zh.text);
                    ensure!(en.text.contains(&told), "{path}: no {told} in English");
                }
            }
            let (opened, closed) = (
                number(&report, "/alerts/opened")?,
                number(&report, "/alerts/closed")?,
            );
            let told = format!("本期新增 {opened}，关闭 {closed}");
            ensure!(zh.text.contains(&told), "{path}: no {told} in {}", zh.text);
            ensure!(zh.info.contains("2026"), "{}", zh.info);
        }
    }
    Ok(())
}

fn sheets_are_one_page(desk: &Desk) -> Result<()> {
    for zone in ["330782", "330782-choucheng", "330782-futian"] {
        for (lang, said) in [("zh", "质量安全一页通"), ("en", "Quality sheet")] {
            let path =
                format!("/v1/reports/zone?zone={zone}&date=2026-05-13&format=pdf&lang={lang}");
            let sheet = desk.printed(&path)?;
            ensure!(sheet.text.contains(said), "{}", sheet.text);
            let pages = sheet.info.lines().find(|line| line.starts_with("Pages:"));
            ensure!(
                pages.is_some_and(|line| line.ends_with(" 1")),
                "{path}: {}",
                sheet.info
            );
        }
    }
    Ok(())
}

/// The letter to an enterprise, as JSON.
fn letter_says_it(desk: &Desk, worst: &str) -> Result<Value> {
    let letter = format!("/v1/subjects/{worst}/letter");
    let told = desk.json(&letter)?;
    let printed = desk.printed(&format!("{letter}?format=pdf"))?;
    let term = city::text(&told["objection"], "term_zh")?;
    for said in [
        "说明函",
        &format!("之日起 {term} 内"),
        &percent(&told["grade"], "probability")?,
    ] {
        // The reader of PDFs may part digits from signs.
        ensure!(
            run_on(&printed.text).contains(&run_on(said)),
            "no {said} in {}",
            printed.text
        );
    }
    Ok(told)
}

fn packs_say_it(desk: &Desk, worst: &str, name: &str) -> Result<()> {
    let full = desk.printed(&format!("/v1/subjects/{worst}/pack?format=pdf"))?;
    let redacted = format!("/v1/subjects/{worst}/pack?format=pdf&redacted=true");
    let redacted = desk.printed(&redacted)?;
    let checkpoint = desk.json("/v1/ledger/checkpoint")?;
    let root = city::text(&checkpoint, "root")?;
    for pack in [&full, &redacted] {
        ensure!(
            run_on(&pack.text).contains(&root),
            "no root {root} in {}",
            pack.text
        );
    }
    ensure!(full.text.contains("完整版本") && redacted.text.contains("对外版本"));
    ensure!(
        !run_on(&redacted.text).contains(&run_on(name)),
        "a name is told: {name}"
    );
    Ok(())
}

/// The command line tells the same over the folder that nobody has open.
fn the_command_line_says_it(
    home: &Path,
    data: &Path,
    (mut served, mut letter, worst): (Value, Value, &str),
) -> Result<()> {
    let made = |asked: &[&str], name: &str| -> Result<Vec<u8>> {
        let out = home.join(name);
        let path = out.display().to_string();
        let asked = [&["report"], asked, &["--out", &path]].concat();
        city::over(&asked, data)?;
        Ok(fs::read(&out)?)
    };
    let month = |format: &str, name: &str| {
        let asked = ["monthly", "--date", "2026-05-13", "--format", format];
        made(&asked, name)
    };
    let mut again: Value = serde_json::from_slice(&month("json", "again.json")?)?;
    // Who was let in stands in the ledger, too: it grows, and the report is the same.
    for report in [&mut served, &mut again] {
        report["basis"]["ledger_entries"] = Value::Null;
    }
    ensure!(
        again == served,
        "the command line tells another report: {again}"
    );
    ensure!(month("pdf", "one.pdf")? == month("pdf", "other.pdf")?);
    let asked = ["letter", "--of", worst, "--format", "json"];
    let mut again: Value = serde_json::from_slice(&made(&asked, "letter.json")?)?;
    for letter in [&mut letter, &mut again] {
        letter["ledger_entries"] = Value::Null;
    }
    ensure!(
        again == letter,
        "the command line tells another letter: {again}"
    );
    let asked = ["sheet", "--of", "zone:330782-futian"];
    made(&asked, "sheet.pdf")?;
    ensure!(
        read(&home.join("sheet.pdf"))?
            .text
            .contains("质量安全一页通")
    );
    Ok(())
}
