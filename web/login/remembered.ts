// The id that was last used to log in here, so that it is typed once. It is no secret and nothing but a convenience:
// without storage the question is asked anew.
import { quietly, storage } from '../sdk/src/page.js';

/** The id kept in this browser. */
export interface RememberedID {
  /** '' when there is none. */
  read(): string;
  keep(id: string): void;
  forget(): void;
}

const key = 'countersign.user';

/** No id that the server takes is longer. */
const longest = 64;

/** The id in the browser's own storage, for this origin. */
export const rememberedID: RememberedID = {
  read: () => {
    const id = quietly(() => storage('localStorage')?.getItem(key)) ?? '';
    return id.length <= longest ? id : '';
  },
  keep: (id) => void quietly(() => storage('localStorage')?.setItem(key, id)),
  forget: () => void quietly(() => storage('localStorage')?.removeItem(key)),
};
