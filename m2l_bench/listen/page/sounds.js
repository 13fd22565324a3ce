"use strict";
/* Audio on demand. Each piece is a script that calls receiveAudio with a FLAC file as text: a page opened from disk may load
   scripts, but not read files. */

const Sounds = {
  context: null,
  decoded: new Map(), // id -> promise of an AudioBuffer
  waiting: new Map(), // id -> what to do with the file's text

  /** Starts audio. Call it after a click or a key press: browsers allow it only then. */
  open() {
    this.context ??= new AudioContext({ latencyHint: "interactive" });
    return this.context.resume();
  },

  /** Returns a promise of the decoded piece. */
  get(id) {
    if (!this.decoded.has(id)) {
      const buffer = this.load(id).then((file) => this.context.decodeAudioData(file));
      buffer.catch(() => this.decoded.delete(id));
      this.decoded.set(id, buffer);
    }
    return this.decoded.get(id);
  },

  load(id) {
    return new Promise((resolve, reject) => {
      const script = element("script", { src: `audio/${id}.js` });
      this.waiting.set(id, (text) => resolve(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer));
      script.onload = () => script.remove();
      script.onerror = () => {
        script.remove();
        reject(new Error("its audio file cannot be loaded"));
      };
      document.head.append(script);
    });
  },

  /** Forgets all but these pieces, because decoded audio is large. */
  keepOnly(ids) {
    for (const id of this.decoded.keys()) if (!ids.has(id)) this.decoded.delete(id);
  },
};

function receiveAudio(id, text) {
  Sounds.waiting.get(id)?.(text);
  Sounds.waiting.delete(id);
}
