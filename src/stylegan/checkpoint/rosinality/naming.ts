/**
 * How programs call the parameters of rosinality's networks: its own names, and those of BasicSR (GFPGAN and others), which are
 * the same networks with the same layouts. Tested by tests/checkpoints/basicsr.test.ts.
 */

export interface Naming {
  /** Of the format, for people. */
  readonly name: string;
  /** A tensor that every generator, or discriminator, has: by it they are found. */
  readonly anchors: { readonly generator: string; readonly discriminator: string };
  /** From rosinality's names to its own. */
  readonly inGenerator: (name: string) => string;
  readonly inDiscriminator: (name: string) => string;
  /** Whether a name is a layer's of a generator, or of a discriminator. */
  readonly isOfGenerator: (name: string) => boolean;
  readonly isOfDiscriminator: (name: string) => boolean;
}

const same = (name: string): string => name;

export const rosinalityNames: Naming = {
  name: "rosinality checkpoint",
  anchors: { generator: "input.input", discriminator: "final_conv.0.weight" },
  inGenerator: same,
  inDiscriminator: same,
  isOfGenerator: (name) => /^(convs|to_rgbs?|style|conv1|input)/.test(name),
  isOfDiscriminator: (name) => /^(convs|final_)/.test(name),
};

export const basicsrNames: Naming = {
  name: "BasicSR checkpoint",
  anchors: { generator: "constant_input.weight", discriminator: "conv_body.0.0.weight" },
  inGenerator: (name) =>
    name
      .replace(/^input[.]input$/, "constant_input.weight")
      .replace(/^style[.]/, "style_mlp.")
      .replace(/^noises[.]noise_/, "noises.noise")
      .replace(/^(conv1|convs[.]\d+|to_rgb1|to_rgbs[.]\d+)[.]conv[.]/, "$1.modulated_conv.")
      .replace(/^(conv1|convs[.]\d+)[.]noise[.]weight$/, "$1.weight")
      .replace(/^conv(1|s)[.]/, "style_conv$1."),
  inDiscriminator: (name) => name.replace(/^convs[.]/, "conv_body."),
  isOfGenerator: (name) => /^(style_|to_rgb|constant_input)/.test(name),
  isOfDiscriminator: (name) => /^(conv_body|final_)/.test(name),
};
