"use strict";
/* Plays the pieces of a clip together and lets one be heard. All run on the audio clock from one start, so a switch is a
   change of gains: nothing is stopped, started or sought, and the position is kept to the sample. */

const FADE_SECONDS = 0.003; // time constant of a switch: no click, no gap
const LEAD_SECONDS = 0.02; // from the decision to the sound

class Player extends EventTarget {
  #pieces = new Map();
  #start = 0; // time on the audio clock at which `#offset` is heard
  #offset = 0; // seconds into the clip
  #running = false;
  #audible = null;
  #clip = 0; // counts clips, so that pieces of an earlier clip that load late are ignored

  playing = false;
  selected = null;
  looping = true;
  matching = true;
  volume = 1;
  seconds = 0;
  section = null; // [from, to] of the loop in seconds; null: the whole clip
  headroom = 0;
  problem = "";

  /** Shows another clip: pieces are {key, audio, gain}, gain in dB or null. Goes on playing if it was playing. */
  show(pieces, seconds, headroom, selected) {
    const wasPlaying = this.playing;
    this.pause();
    this.#clip += 1;
    this.#pieces = new Map(pieces.map((piece) => [piece.key, { ...piece, state: "" }]));
    Object.assign(this, { seconds, headroom, selected, section: null, problem: "" });
    this.#offset = 0;
    this.#audible = null;
    Sounds.keepOnly(new Set(pieces.map((piece) => piece.audio)));
    this.#changed();
    if (wasPlaying) this.play();
  }

  /** Returns the state of a piece: "", "loading", "ready" or "failed". */
  stateOf(key) {
    return this.#pieces.get(key).state;
  }

  get position() {
    return this.#running ? this.#positionAt(Sounds.context.currentTime) : this.#offset;
  }

  async play() {
    if (this.playing) return;
    this.playing = true;
    this.#changed();
    await Sounds.open();
    await this.#load(this.selected);
    for (const key of this.#pieces.keys()) if (this.playing) await this.#load(key);
  }

  pause() {
    this.#offset = this.position;
    this.playing = false;
    this.#halt();
    this.#changed();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  async select(key) {
    this.selected = key;
    this.problem = "";
    this.#changed();
    if (this.playing) await this.#load(key);
  }

  /** Loads every piece before anything is heard, so that loading times reveal nothing about the pieces. */
  async loadAll() {
    await Sounds.open();
    for (const key of this.#pieces.keys()) await this.#load(key);
  }

  seek(seconds) {
    const [from, to] = this.#range();
    this.#goTo(Math.min(Math.max(seconds, from), to));
  }

  /** Loops from one time to another, in seconds; null: the whole clip. */
  loopSection(section) {
    this.section = section;
    if (section) this.looping = true;
    const [from, to] = this.#range();
    this.#goTo(this.position < from || this.position >= to ? from : this.position);
  }

  setLooping(looping) {
    const position = this.position;
    this.looping = looping;
    if (!looping) this.section = null;
    this.#goTo(position);
  }

  setMatching(matching) {
    this.matching = matching;
    this.#balance();
    this.#changed();
  }

  setVolume(volume) {
    this.volume = volume;
    if (this.output) this.output.gain.value = volume;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #range() {
    return this.section ?? [0, this.seconds];
  }

  async #load(key) {
    const piece = this.#pieces.get(key);
    const clip = this.#clip;
    if (!piece.buffer) {
      piece.state = "loading";
      this.#changed();
      try {
        const buffer = await Sounds.get(piece.audio);
        if (clip !== this.#clip) return;
        if (!piece.buffer) {
          piece.buffer = buffer;
          piece.state = "ready";
          if (this.#running) this.#startPiece(piece);
        }
      } catch (error) {
        if (clip !== this.#clip) return;
        piece.state = "failed";
        this.problem = `Cannot play this: ${error.message}.`;
        if (key === this.selected) this.playing = this.#running;
        this.#changed();
        return;
      }
    }
    const selected = this.#pieces.get(this.selected);
    if (this.playing && !this.#running && selected.buffer) this.#begin(this.#offset);
    this.#balance();
    this.#changed();
  }

  #positionAt(time) {
    const position = this.#offset + Math.max(0, time - this.#start);
    const [from, to] = this.#range();
    if (this.looping && position >= to) return from + ((position - from) % (to - from));
    return Math.min(position, this.seconds);
  }

  #goTo(position) {
    if (this.#running) this.#begin(position);
    else this.#offset = position;
    this.#balance();
    this.#changed();
  }

  /** Returns the earliest time to start at. It is on a sample: between samples a browser would interpolate. */
  #soon() {
    const rate = Sounds.context.sampleRate;
    return Math.ceil((Sounds.context.currentTime + LEAD_SECONDS) * rate) / rate;
  }

  #begin(position) {
    this.#halt();
    const rate = Sounds.context.sampleRate;
    if (position >= this.seconds) position = 0;
    this.#start = this.#soon();
    this.#offset = Math.round(position * rate) / rate;
    this.#running = true;
    for (const piece of this.#pieces.values()) if (piece.buffer) this.#startPiece(piece);
  }

  /** Starts a piece at the position that all others have reached. */
  #startPiece(piece) {
    const context = Sounds.context;
    if (!this.output) {
      this.output = new GainNode(context, { gain: this.volume });
      this.output.connect(context.destination);
    }
    piece.level = new GainNode(context, { gain: 0 });
    piece.level.connect(this.output);
    const [loopStart, loopEnd] = this.#range();
    const source = new AudioBufferSourceNode(context, { buffer: piece.buffer, loop: this.looping, loopStart, loopEnd });
    source.connect(piece.level);
    source.onended = () => {
      if (piece.source === source) this.#finish();
    };
    const when = Math.max(this.#start, this.#soon());
    source.start(when, this.#positionAt(when));
    piece.source = source;
  }

  #finish() {
    this.#halt();
    this.playing = false;
    this.#offset = 0;
    this.#changed();
  }

  #halt() {
    this.#running = false;
    for (const piece of this.#pieces.values()) {
      if (!piece.source) continue;
      const now = Sounds.context.currentTime;
      piece.level.gain.setTargetAtTime(0, now, FADE_SECONDS);
      piece.source.stop(now + 8 * FADE_SECONDS);
      piece.source = piece.level = null;
    }
  }

  /** Makes the selected piece audible; until it is loaded, the previous one stays audible. */
  #balance() {
    if (!Sounds.context) return;
    if (this.#pieces.get(this.selected)?.buffer) this.#audible = this.selected;
    for (const [key, piece] of this.#pieces) {
      if (!piece.level) continue;
      const gain = this.matching ? (piece.gain ?? 0) + this.headroom : 0;
      const target = key === this.#audible ? 10 ** (gain / 20) : 0;
      piece.level.gain.setTargetAtTime(target, Sounds.context.currentTime, FADE_SECONDS);
    }
  }
}
