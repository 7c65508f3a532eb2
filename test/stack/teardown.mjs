import { stackAfter } from './for-tests.ts';

export default stackAfter;
