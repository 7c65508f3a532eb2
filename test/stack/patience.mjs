// A project cannot have a timeout of its own in jest's configuration. Servers are started and killed here: four minutes.
import { jest } from '@jest/globals';

jest.setTimeout(240_000);
