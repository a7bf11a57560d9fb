//! What comes of the still images: the objects that must be there, the outputs, and the two texts that
//! are written over them. Pure.

use std::fmt::Write as _;

use bus_schema::attempt::{ImageResult, ImagesResult};
use bus_schema::object_key;
use bus_schema::plan::images::{ImagesPlan, StoryboardPlan};
use bus_schema::record::{Output, OutputKind};
use bus_schema::request::images::{ImageFormat, Poster};
use bus_schema::request::uploaded_image::ImageVerdict;
use serde_json::json;

/// A text to write beside the results, and as what it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    /// Relative to the job's outputs.
    pub(crate) name: &'static str,
    /// As what it is listed.
    pub(crate) kind: OutputKind,
    /// Its media type.
    pub(crate) content_type: &'static str,
    /// What is in it.
    pub(crate) text: String,
}

/// Every object of a result, under its attempt, with its size.
pub(crate) fn objects<'a>(
    plan: &'a ImagesPlan,
    result: &'a ImagesResult,
) -> impl Iterator<Item = (String, u64)> + 'a {
    let images = result.poster.iter().chain(&result.thumbnails);
    let images = images.flat_map(|image| sizes(plan, image).map(|(name, _, bytes)| (name, bytes)));
    let sheets = (0..).zip(&result.sheets);
    images.chain(sheets.map(|(sheet, &bytes)| {
        (
            object_key::storyboard_sheet(sheet, plan.format),
            u64::from(bytes),
        )
    }))
}

/// An image in each of its sizes: name, width and height, bytes.
fn sizes<'a>(
    plan: &'a ImagesPlan,
    image: &'a ImageResult,
) -> impl Iterator<Item = (String, (u32, u32), u64)> + 'a {
    plan.sizes.iter().zip(&image.bytes).map(|(size, &bytes)| {
        let name = match image.number {
            0 => object_key::poster(size.width, plan.format),
            number => object_key::thumbnail(number, size.width, plan.format),
        };
        (name, (size.width, size.height), u64::from(bytes))
    })
}

/// The poster in its sizes, as outputs; `dir` is where the winning attempt wrote.
pub(crate) fn posters(plan: &ImagesPlan, result: &ImagesResult, dir: &str) -> Vec<Output> {
    let sizes = result.poster.iter().flat_map(|poster| sizes(plan, poster));
    let output = |(name, _, bytes)| Output {
        kind: OutputKind::Poster,
        rendition: None,
        name: format!("{dir}{name}"),
        bytes,
        frames: None,
        duration_ms: None,
        codecs: None,
    };
    sizes.map(output).collect()
}

/// The list of all images, and the index of the storyboard if there is one.
pub(crate) fn documents(plan: &ImagesPlan, result: &ImagesResult, dir: &str) -> Vec<Document> {
    let mut documents = vec![Document {
        name: object_key::IMAGES,
        kind: OutputKind::Images,
        content_type: "application/json",
        text: list(plan, result, dir),
    }];
    documents.extend(plan.storyboard.as_ref().map(|board| Document {
        name: object_key::STORYBOARD,
        kind: OutputKind::Storyboard,
        content_type: "text/vtt",
        text: index(board, plan.format, plan.end_ns, dir),
    }));
    documents
}

/// What fell short of what was asked for, in words for the job's owner.
pub(crate) fn warnings(
    plan: &ImagesPlan,
    result: &ImagesResult,
    n_thumbnails: usize,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Poster::Uploaded { .. } = plan.poster {
        let reason = match result.uploaded {
            Some(ImageVerdict::Used) => None,
            Some(ImageVerdict::Refused(fault)) => Some(fault.to_string()),
            None => Some("it had not come when the film's images were made".to_owned()),
        };
        let told = |reason| {
            format!(
                "The uploaded image is not used, for {reason}: the poster is a frame of the film."
            )
        };
        warnings.extend(reason.map(told));
    }
    if plan.poster_pick().is_some() && result.poster.is_none() {
        warnings.push("There is no poster: the film has no frame at its time.".to_owned());
    }
    let missing = n_thumbnails.saturating_sub(result.thumbnails.len());
    if missing > 0 {
        warnings.push(format!("{missing} of {n_thumbnails} thumbnails are missing: the film has no frame at their times."));
    }
    warnings
}

/// `images.json`: addresses are relative to it.
fn list(plan: &ImagesPlan, result: &ImagesResult, dir: &str) -> String {
    let is_uploaded =
        |image: &ImageResult| image.number == 0 && result.uploaded == Some(ImageVerdict::Used);
    let image = |image: &ImageResult| {
        let files = sizes(plan, image).map(|(name, (width, height), bytes)| {
            json!({ "url": format!("{dir}{name}"), "width": width, "height": height, "bytes": bytes })
        });
        let files: Vec<_> = files.collect();
        if is_uploaded(image) {
            json!({ "time_ms": null, "is_uploaded": true, "files": files })
        } else {
            json!({ "time_ms": image.time_ms, "files": files })
        }
    };
    let board = plan.storyboard.as_ref();
    let storyboard = board.map(|board| {
        let sheets = (0..).zip(&result.sheets).map(|(sheet, bytes)| {
            let (name, size) = (object_key::storyboard_sheet(sheet, plan.format), board.sheet(sheet));
            json!({ "url": format!("{dir}{name}"), "width": size.width, "height": size.height, "bytes": bytes })
        });
        json!({
            "index": object_key::STORYBOARD,
            "interval_ms": board.interval_ns / 1_000_000,
            "tile": { "width": board.tile.width, "height": board.tile.height },
            "columns": board.columns,
            "n_tiles": board.n_tiles,
            "sheets": sheets.collect::<Vec<_>>(),
        })
    });
    let list = json!({
        "format": plan.format.media_type(),
        "poster": result.poster.as_ref().map(image),
        "thumbnails": result.thumbnails.iter().map(image).collect::<Vec<_>>(),
        "storyboard": storyboard,
    });
    format!("{list:#}\n")
}

/// `storyboard.vtt`: one cue a small image, whose text is the sheet's address with the part of it that
/// counts (W3C Media Fragments, section 4.2.2), as players' previews want it.
fn index(board: &StoryboardPlan, format: ImageFormat, end_ns: u64, dir: &str) -> String {
    let mut text = String::from("WEBVTT\n");
    for tile in 0..board.n_tiles {
        let (sheet, x, y) = board.place(tile);
        let (width, height) = (board.tile.width, board.tile.height);
        let start_ns = board.interval_ns.saturating_mul(u64::from(tile));
        let stop_ns = start_ns
            .saturating_add(board.interval_ns)
            .min(end_ns.max(start_ns + 1_000_000));
        let (start, stop) = (timestamp(start_ns), timestamp(stop_ns));
        let name = object_key::storyboard_sheet(sheet, format);
        write!(
            text,
            "\n{start} --> {stop}\n{dir}{name}#xywh={x},{y},{width},{height}\n"
        )
        .expect("a String takes everything");
    }
    text
}

/// A time as WebVTT has it: `01:02:03.004`.
pub(crate) fn timestamp(ns: u64) -> String {
    let ms = ns / 1_000_000;
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    format!(
        "{hours:02}:{minutes:02}:{:02}.{:03}",
        ms / 1_000 % 60,
        ms % 1_000
    )
}

#[cfg(test)]
mod tests {
    use bus_schema::plan::images::ImageSize;
    use bus_schema::request::images::Thumbnails;
    use bus_schema::request::uploaded_image::ImageFault;

    use super::*;

    fn plan() -> ImagesPlan {
        ImagesPlan {
            format: ImageFormat::Webp,
            sizes: vec![
                ImageSize {
                    width: 640,
                    height: 360,
                },
                ImageSize {
                    width: 320,
                    height: 180,
                },
            ],
            end_ns: 5_280_000_000,
            poster: Poster::Automatic,
            thumbnails: Thumbnails::Times {
                ms: vec![1_000, 9_000],
            },
            storyboard: Some(StoryboardPlan {
                tile: ImageSize {
                    width: 160,
                    height: 90,
                },
                columns: 2,
                rows: 2,
                interval_ns: 1_000_000_000,
                n_tiles: 6,
            }),
        }
    }

    fn result() -> ImagesResult {
        let image = |number, time_ms| ImageResult {
            number,
            time_ms,
            bytes: vec![10, 5],
        };
        ImagesResult {
            poster: Some(image(0, 1_960)),
            thumbnails: vec![image(1, 1_000)],
            sheets: vec![7, 8],
            uploaded: None,
            cpu_ms: 0,
        }
    }

    #[test]
    fn every_object_is_checked_by_its_size() {
        let (plan, result) = (plan(), result());
        assert_eq!(result.check(&plan, 2), Ok(()));
        let objects: Vec<_> = objects(&plan, &result).collect();
        let names: Vec<&str> = objects.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "images/poster-640.webp",
                "images/poster-320.webp",
                "images/thumbnail-0001-640.webp",
                "images/thumbnail-0001-320.webp",
                "images/storyboard-001.webp",
                "images/storyboard-002.webp",
            ]
        );
        assert_eq!(objects.iter().map(|(_, bytes)| bytes).sum::<u64>(), 45);
    }

    #[test]
    fn the_index_of_a_storyboard_names_parts_of_its_sheets() {
        let documents = documents(&plan(), &result(), "t5a1/");
        let index = &documents[1].text;
        let cues: Vec<&str> = index.split("\n\n").collect();
        assert_eq!(cues[0], "WEBVTT");
        assert_eq!(
            cues[1],
            "00:00:00.000 --> 00:00:01.000\nt5a1/images/storyboard-001.webp#xywh=0,0,160,90"
        );
        assert_eq!(
            cues[4],
            "00:00:03.000 --> 00:00:04.000\nt5a1/images/storyboard-001.webp#xywh=160,90,160,90"
        );
        assert_eq!(
            cues[6],
            "00:00:05.000 --> 00:00:05.280\nt5a1/images/storyboard-002.webp#xywh=160,0,160,90\n"
        );
        assert_eq!(timestamp(3_723_004_000_000), "01:02:03.004");
    }

    #[test]
    fn the_list_holds_all_images_and_warnings_say_what_is_missing() {
        let (plan, result) = (plan(), result());
        let list: serde_json::Value =
            serde_json::from_str(&documents(&plan, &result, "t5a1/")[0].text).unwrap();
        assert_eq!(list["poster"]["time_ms"], 1_960);
        assert_eq!(
            list["thumbnails"][0]["files"][1]["url"],
            "t5a1/images/thumbnail-0001-320.webp"
        );
        assert_eq!(list["storyboard"]["sheets"][1]["height"], 90);
        assert_eq!(warnings(&plan, &result, 2).len(), 1);
        assert_eq!(warnings(&plan, &result, 1), Vec::<String>::new());
        assert_eq!(
            posters(&plan, &result, "t5a1/")[1].name,
            "t5a1/images/poster-320.webp"
        );
    }

    #[test]
    fn an_uploaded_image_is_listed_as_one_and_what_kept_it_out_is_told() {
        let mut plan = plan();
        plan.poster = Poster::Uploaded { bytes: 9 };
        let with = |uploaded| ImagesResult {
            uploaded,
            ..result()
        };
        let used = with(Some(ImageVerdict::Used));
        assert_eq!(used.check(&plan, 2), Ok(()));
        assert_eq!(warnings(&plan, &used, 1), Vec::<String>::new());
        let text = &documents(&plan, &used, "t5a1/")[0].text;
        let list: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(list["poster"]["is_uploaded"], true);
        assert_eq!(list["poster"]["time_ms"], serde_json::Value::Null);
        assert_eq!(list["thumbnails"][0]["time_ms"], 1_000);
        for fault in ImageFault::ALL {
            let refused = with(Some(ImageVerdict::Refused(fault)));
            assert_eq!(refused.check(&plan, 2), Ok(()));
            let told = warnings(&plan, &refused, 1);
            assert!(told[0].contains(&fault.to_string()), "{told:?}");
        }
        assert!(warnings(&plan, &with(None), 1)[0].contains("had not come"));
        // Nobody announced one, or there is no poster that it could be.
        assert!(used.check(&self::plan(), 2).is_err());
        let nowhere = ImagesResult {
            poster: None,
            ..used
        };
        assert!(nowhere.check(&plan, 2).is_err());
    }

    #[test]
    fn reports_of_other_images_than_planned_are_refused() {
        let plan = plan();
        let with = |change: &dyn Fn(&mut ImagesResult)| {
            let mut result = result();
            change(&mut result);
            result.check(&plan, 2)
        };
        assert!(with(&|r| r.sheets.truncate(1)).is_err());
        assert!(with(&|r| r.sheets = vec![0, 1]).is_err());
        assert!(with(&|r| r.thumbnails[0].number = 3).is_err());
        assert!(with(&|r| r.thumbnails[0].number = 0).is_err());
        assert!(with(&|r| r.thumbnails[0].bytes = vec![1]).is_err());
        assert!(with(&|r| r.thumbnails.push(r.thumbnails[0].clone())).is_err());
        assert!(with(&|r| r.thumbnails[0].time_ms = u64::MAX).is_err());
        assert!(with(&|r| r.poster.as_mut().unwrap().number = 1).is_err());
        assert!(with(&|r| r.thumbnails.clear()).is_ok());
    }
}
