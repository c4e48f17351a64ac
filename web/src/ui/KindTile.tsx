import {
  ArrowDownToLine,
  AudioLines,
  Boxes,
  Braces,
  Clock,
  Code,
  Dices,
  Download,
  FileText,
  GitFork,
  Globe,
  Hash,
  Image,
  Library,
  List,
  type LucideIcon,
  MessageSquareWarning,
  Plug,
  Repeat,
  Replace,
  ScanText,
  Scissors,
  Send,
  Sparkles,
  Split,
  SquareArrowRightEnter,
  SquareArrowRightExit,
  StickyNote,
  Table2,
  TextCursorInput,
  UserCheck,
  Variable,
  Workflow,
} from 'lucide-react';
import { classes } from './classes';
import style from './KindTile.module.css';

export type Group = 'gate' | 'model' | 'call' | 'flow' | 'data' | 'people';

const KINDS: Record<string, [Group, LucideIcon]> = {
  input: ['gate', SquareArrowRightEnter],
  output: ['gate', SquareArrowRightExit],
  response: ['gate', SquareArrowRightExit],
  agent: ['model', Sparkles],
  evaluator: ['model', ScanText],
  image: ['model', Image],
  speech: ['model', AudioLines],
  replicate: ['model', Boxes],
  knowledge: ['model', Library],
  http: ['call', Globe],
  fetch: ['call', Download],
  webhook: ['call', Send],
  connector: ['call', Plug],
  document: ['call', FileText],
  condition: ['flow', Split],
  router: ['flow', GitFork],
  loop: ['flow', Repeat],
  parallel: ['flow', Table2],
  workflow: ['flow', Workflow],
  template: ['data', TextCursorInput],
  set: ['data', ArrowDownToLine],
  variables: ['data', Variable],
  list: ['data', List],
  json: ['data', Braces],
  split: ['data', Scissors],
  replace: ['data', Replace],
  hash: ['data', Hash],
  random: ['data', Dices],
  function: ['data', Code],
  python: ['data', Code],
  html: ['data', Code],
  note: ['data', StickyNote],
  wait: ['people', Clock],
  approval: ['people', UserCheck],
};

/** An operation of a connector is called `slack.send_message`. */
const drawn = (kind: string) => KINDS[kind.includes('.') ? 'connector' : kind];

/** The group whose colour a kind has. */
export const groupOf = (kind: string): Group => drawn(kind)?.[0] ?? 'data';

/** The glyph of a kind on its colour. The name stands beside it, so that it says nothing to a screen reader. */
export function KindTile({ kind, size = 28 }: { kind: string; size?: 18 | 20 | 24 | 28 }) {
  const [group, Glyph] = drawn(kind) ?? (['data', MessageSquareWarning] as const);
  return (
    <span className={classes(style.tile, style[group], style[`s${size}`])} aria-hidden>
      <Glyph />
    </span>
  );
}
