/** Everything that reads or writes YAML: one chunk, which the graph does not wait for. */
export { changesOf } from './changes';
export { plain } from './edit';
export { fixed } from './fix';
export { merge } from './merge';
export * from './operations';
