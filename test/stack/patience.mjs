// A project cannot have a timeout of its own in jest's configuration. Servers are started and killed here: a minute.
import { jest } from '@jest/globals';

jest.setTimeout(60_000);
