/** Who wants to know of changes: what `useSyncExternalStore` subscribes with. */
export class Listeners {
  private readonly all = new Set<() => void>();

  readonly subscribe = (listener: () => void) => {
    this.all.add(listener);
    return () => void this.all.delete(listener);
  };

  notify() {
    for (const listener of this.all) listener();
  }
}
