import { useState } from 'react';
import { Dialog } from '../ui/Dialog';
import { Checkbox } from '../ui/Field';
import { Kbd } from '../ui/Kbd';
import { isSingle, shown } from './keys';
import style from './ShortcutMap.module.css';
import { APPLE, singlesAreOn, switchSingles, useBindings } from './shortcuts';

/** What the keyboard does on this page. */
export default function ShortcutMap({ onClose }: { onClose: () => void }) {
  const [on, setOn] = useState(singlesAreOn);
  const groups = groupsOf(useBindings());
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose} wide>
      <Checkbox
        label="Single letters act (not in text fields)"
        checked={on}
        onChange={(event) => {
          switchSingles(event.target.checked);
          setOn(event.target.checked);
        }}
      />
      <div className={style.groups}>
        {groups.map((group) => (
          <section key={group.title} aria-label={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.bindings.map(({ keys, label }) => (
                <div key={`${keys} ${label}`} className={!on && isSingle(keys) ? style.off : undefined}>
                  <dt>{label}</dt>
                  <dd>
                    <Kbd>{shown(keys, APPLE)}</Kbd>
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}

function groupsOf(bindings: ReturnType<typeof useBindings>) {
  // What yields stands in front of the rest, the last bound first.
  const named = bindings.filter((binding) => binding.label).toReversed();
  return [
    { title: 'This page', bindings: named.filter((binding) => !binding.yields && !isEverywhere(binding.keys)) },
    { title: 'Lists', bindings: named.filter((binding) => binding.yields && !binding.keys.startsWith('g ')) },
    { title: 'Go to', bindings: named.filter((binding) => binding.keys.startsWith('g ')) },
    { title: 'Everywhere', bindings: named.filter((binding) => isEverywhere(binding.keys)) },
  ].filter((group) => group.bindings.length);
}

const isEverywhere = (keys: string) => keys === '?' || keys === 'mod+k';
