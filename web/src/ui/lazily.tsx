import { type ComponentType, type ReactNode, useLayoutEffect, useState } from 'react';

type Load<Props> = () => Promise<{ default: ComponentType<Props> }>;

/**
 * A component whose code is loaded when it is first shown, with something in its place until then. Unlike `lazy` of React,
 * which holds back what follows a fallback for 300 ms, it is shown as soon as its code has come.
 */
export function lazily<Props extends object>(load: Load<Props>, meanwhile: ReactNode = null): ComponentType<Props> {
  let loaded: ComponentType<Props> | null = null;
  // biome-ignore lint/correctness/noComponentHookFactories: lazily is called where modules begin, not in components
  return function Lazily(props: Props) {
    const [Shown, setShown] = useState(() => loaded);
    const [failure, setFailure] = useState<unknown>(null);
    useLayoutEffect(() => {
      if (loaded) return;
      load().then((module) => {
        loaded = module.default;
        setShown(() => loaded);
      }, setFailure);
    }, []);
    if (failure) throw failure;
    return Shown ? <Shown {...props} /> : meanwhile;
  };
}
