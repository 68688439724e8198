// SPDX-License-Identifier: Apache-2.0
// Lives in a network namespace, and calls there the functions that come on its standard input, a JSON object per line:
// {id, text, words}. See hosts.js.
'use strict'
const dgram = require('node:dgram')
const net = require('node:net')
const readline = require('node:readline')

const say = (event) => process.stdout.write(JSON.stringify(event) + '\n')

// What functions can use, and remember.
const here = { dgram, net, kept: new Map(), say }
let serial = 0
/** Under a name of its own, for later calls. */
here.keep = (thing) => {
  here.kept.set(++serial, thing)
  return serial
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, text, words } = JSON.parse(line)
  try {
    // eslint-disable-next-line no-eval
    say({ event: 'done', id, value: await (0, eval)(`(${text})`)(here, ...words) })
  } catch (error) {
    say({ event: 'done', id, error: error.code || error.message })
  }
}).on('close', () => process.exit(0))
say({ event: 'ready' })
