"use strict";
/* The words that depend on what is heard: reconstructions beside their originals, or sets of clips that a generator made beside
   held-out music, which correspond to nothing. */

const RECONSTRUCTIONS = {
  systems: "Systems",
  system: "System",
  best: "best system, without anchors",
  figures: (clips) => `Means over ${clips}`,
  gain: "What the page adds to make the piece as loud as the original (ITU-R BS.1770), and no piece clip.",
  note: "",
  heard: "Each piece is the reconstruction that was measured, as lossless FLAC, cut to the original's length. " +
    "Matched, every piece is as loud as the original",
};
const GENERATED_SETS = {
  systems: "Sets of clips",
  system: "Set",
  best: "best samples, without floors and ceilings",
  figures: (clips) => `Figures of ${clips} against the held-out music`,
  gain: "What the page adds to make the piece as loud as the held-out music (ITU-R BS.1770), and no piece clip.",
  note: "A number is not a piece of music: samples with the same number have nothing to do with each other or with the held-out music. " +
    "Only the set “codec” is the held-out music of this number, as the codec reconstructs it.",
  heard: "Each piece is a clip as it was decoded, as lossless FLAC. Matched, every piece is as loud as the held-out music of the same number",
};
const WORDS = DATA.reference.corresponds ? RECONSTRUCTIONS : GENERATED_SETS;
