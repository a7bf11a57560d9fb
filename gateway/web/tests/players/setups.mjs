// The players that films are tested in, and how each begins to play.
//
// `begin` runs in the page: it plays `source` in the video that `film.mjs` has put there, tells `complain` what the
// player does not like, and leaves behind `stats`, and for `audio` and `text` the `languages` of the tracks and how to
// `choose` one. Of what it is told, `height` is of the one rendition to play, with each frame decoded once: without it
// the player chooses; `language` is of the subtitles that are chosen from the beginning, if any are.
import { DASH_JS, HLS_JS, SHAKA } from "./bundles.mjs";

/** Each with the bundle that a browser loads, and with the kind of playlist that it reads. */
export const PLAYERS = [
  { name: "hls.js", script: HLS_JS, format: "hls", begin: beginHlsJs },
  { name: "dash.js", script: DASH_JS, format: "dash", begin: beginDashJs },
  { name: "Shaka Player with HLS", script: SHAKA, format: "hls", begin: beginShaka },
  { name: "Shaka Player with DASH", script: SHAKA, format: "dash", begin: beginShaka },
];

async function beginHlsJs({ source, height, language }) {
  const film = window.__film;
  const hls = new Hls({
    startFragPrefetch: false,
    ...(language !== undefined && { subtitlePreference: { lang: language } }),
  });
  hls.on(Hls.Events.ERROR, (_, { type, details, fatal }) => {
    // With everything buffered, it is the machine that is late, and while a track's buffer is filled anew the element
    // may wait: what is missing shows in ranges and frames, and that it goes on is looked for.
    if (!fatal && details === Hls.ErrorDetails.BUFFER_STALLED_ERROR) return;
    film.complain(`${type} ${details} (fatal: ${fatal})`);
  });
  film.audio = {
    languages: () => hls.audioTracks.map((track) => track.lang),
    choose: (chosen) => {
      hls.audioTrack = hls.audioTracks.findIndex((track) => track.lang === chosen);
    },
  };
  film.text = {
    languages: () => hls.subtitleTracks.map((track) => track.lang),
    choose: (chosen) => {
      hls.subtitleTrack = hls.subtitleTracks.findIndex((track) => track.lang === chosen);
    },
  };
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    if (height !== undefined) {
      const level = hls.levels.findIndex((one) => one.height === height);
      if (level < 0) film.complain(`no level of ${height} lines: ${hls.levels.map((one) => one.height)}`);
      hls.loadLevel = level;
      hls.startLevel = level;
    }
    void film.video.play();
  });
  hls.loadSource(source);
  hls.attachMedia(film.video);
}

async function beginDashJs({ source, height, language }) {
  const film = window.__film;
  const player = dashjs.MediaPlayer().create();
  const events = dashjs.MediaPlayer.events;
  for (const kind of [events.ERROR, events.PLAYBACK_ERROR]) {
    player.on(kind, (event) => film.complain(`${kind}: ${JSON.stringify(event.error ?? event)}`));
  }
  const listed = (kind) => player.getTracksFor(kind);
  film.audio = {
    languages: () => listed("audio").map((track) => track.lang),
    choose: (chosen) => player.setCurrentTrack(listed("audio").find((track) => track.lang === chosen)),
  };
  film.text = {
    languages: () => listed("text").map((track) => track.lang),
    choose: (chosen) => player.setTextTrack(listed("text").findIndex((track) => track.lang === chosen)),
  };
  if (height !== undefined) {
    player.on(events.GAP_CAUSED_INTERNAL_SEEK ?? "gapCausedInternalSeek", (event) =>
      film.complain(`a gap was jumped over: ${JSON.stringify(event)}`),
    );
    player.updateSettings({
      streaming: { abr: { autoSwitchBitrate: { video: false }, initialBitrate: { video: 1 } } },
    });
  }
  player.initialize();
  if (height !== undefined) {
    player.on(events.STREAM_INITIALIZED, () => {
      const all = player.getRepresentationsByType("video");
      const one = all.find((one) => one.height === height);
      if (!one) film.complain(`no representation of ${height} lines: ${all.map((one) => one.height)}`);
      else player.setRepresentationForTypeById("video", one.id, true);
    });
  }
  if (language !== undefined) {
    player.setInitialMediaSettingsFor("text", { lang: language });
    player.updateSettings({ streaming: { text: { defaultEnabled: true } } });
  }
  player.attachView(film.video);
  player.setAutoPlay(true);
  player.attachSource(source);
}

async function beginShaka({ source, height, language }) {
  const film = window.__film;
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  player.addEventListener("error", ({ detail }) => film.complain(`${detail.code}: ${detail.message}`));
  film.stats = () => player.getStats();
  film.audio = {
    languages: () => player.getAudioTracks().map((track) => track.language),
    choose: (chosen) =>
      player.selectAudioTrack(player.getAudioTracks().find((track) => track.language === chosen)),
  };
  film.text = {
    languages: () => player.getTextTracks().map((track) => track.language),
    choose: (chosen) =>
      player.selectTextTrack(player.getTextTracks().find((track) => track.language === chosen)),
  };
  if (height !== undefined) {
    player.configure({ abr: { enabled: false } });
    player.configure({ restrictions: { minHeight: height, maxHeight: height } });
    // A busy machine may stand still for a second; the seek that would follow decodes frames twice.
    player.configure({ streaming: { stallEnabled: false } });
  }
  // Chosen before it is loaded: text of HLS that Shaka Player fetches behind the picture of the same discontinuity waits
  // for another piece of that picture.
  if (language !== undefined) player.configure({ preferredText: [{ language }] });
  await player.attach(film.video);
  await player.load(source);
  void film.video.play();
}
