// SPDX-License-Identifier: Apache-2.0
// Lets the unmodified holesail run under Node on a private network: modules made for the Bare runtime
// are Node's own of that name, and the bootstrap nodes are those of HOLESAIL_BOOTSTRAP_PORT.
'use strict'
const Module = require('node:module')

const RENAMED = { subprocess: 'child_process' }
const load = Module._load
Module._load = function (request, ...more) {
  const bare = /^bare-(?:node-)?([a-z]+)$/.exec(request)
  const name = bare && (RENAMED[bare[1]] || bare[1])
  return load.call(this, Module.builtinModules.includes(name) ? `node:${name}` : request, ...more)
}

const { BOOTSTRAP_NODES } = require('hyperdht/lib/constants')
BOOTSTRAP_NODES.splice(0, BOOTSTRAP_NODES.length, { host: '127.0.0.1', port: Number(process.env.HOLESAIL_BOOTSTRAP_PORT) })
