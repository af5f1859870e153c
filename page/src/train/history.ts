/** What a run's reports come to over time: lines for the charts. */
import type { TrainReport } from "../engine/protocol.js";
import type { Line } from "../ui/Chart.js";

/** More points than a chart has pixels are halved. */
const MOST_POINTS = 800;

class Series implements Line {
  readonly name: string;
  x: number[] = [];
  y: number[] = [];

  constructor(name: string) {
    this.name = name;
  }

  add(x: number, y: number): void {
    this.x.push(x);
    this.y.push(y);
    if (this.x.length < MOST_POINTS) return;
    const every = (_: number, k: number): boolean => k % 2 === 0;
    this.x = this.x.filter(every);
    this.y = this.y.filter(every);
  }
}

export class TrainingHistory {
  readonly lines: readonly Series[] = ["Gmain", "Greg", "Dmain", "Dreg"].map((name) => new Series(name));
  readonly logits: readonly Series[] = ["real", "generated"].map((name) => new Series(name));
  readonly scalars: readonly Series[] = ["p", "path length"].map((name) => new Series(name));

  /** What each resolution gives the images; empty where only the last has a toRgb. */
  readonly contributions: Series[] = [];

  add({ images, losses, realScore, fakeScore, augmentP, plMean, contributions }: TrainReport): void {
    const kimg = images / 1000;
    for (const line of this.lines) if (losses[line.name] !== undefined) line.add(kimg, losses[line.name]);
    if (realScore !== null && "Dmain" in losses) this.logits[0].add(kimg, realScore);
    if (fakeScore !== null && "Dmain" in losses) this.logits[1].add(kimg, fakeScore);
    this.scalars[0].add(kimg, augmentP);
    this.scalars[1].add(kimg, plMean);
    if (contributions === null || contributions.length < 2) return;
    for (const [k, { resolution, deviation }] of contributions.entries()) {
      this.contributions[k] ??= new Series(`${resolution}×${resolution}`);
      this.contributions[k].add(kimg, deviation);
    }
  }
}
