// SPDX-License-Identifier: Apache-2.0
// What the end-to-end and interoperation tests share: programs of ours with their events, free ports,
// small services, checks, and an orderly end of everything that was started.
'use strict'
const { spawn, spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const dgram = require('node:dgram')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')

const BINARY = process.env.HSFWD_BINARY
const SANITIZED = process.env.HSFWD_SANITIZED === '1'
if (!BINARY) throw new Error('HSFWD_BINARY is not set')

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'hsfwd-test-'))
const running = new Set()
// With those that serve all cases.
const alive = new Set()
const cleanups = []
// For what serves all cases of a file; done at its end.
const lastingCleanups = []

// Whose descriptors a test counts, root or not.
const SEEN = process.getuid() === 0 ? {} : { HSFWD_CORE_DUMPS: '1' }

// What makes a program end with this one, however this one ends: a kill leaves it no time for anything. It
// stands before the program's command line and becomes the program, as `ip netns exec` does after it.
const LEASH = ['setpriv', '--pdeathsig', 'KILL', '--']
if (spawnSync(LEASH[0], [...LEASH.slice(1), 'true']).status !== 0) LEASH.length = 0

/** A program of ours (or any other), its output by lines, its events. */
class Program {
  constructor (command, args, { stdin = 'ignore', env = {}, lasting = false } = {}) {
    this.name = path.basename(command) + ' ' + args[0]
    this.events = []
    this.warned = []  // events of what is said on standard error as well
    this.tried = []  // events of what took its time, which a busy machine makes of anything
    this.stdout = []
    this.said = ''
    this.waiting = []
    const [program, ...words] = [...LEASH, command, ...args]
    this.child = spawn(program, words, {
      stdio: [stdin, 'pipe', 'pipe'],
      env: {
        ...process.env,
        XDG_STATE_HOME: scratch,
        XDG_CONFIG_HOME: scratch,
        XDG_CACHE_HOME: scratch,
        XDG_RUNTIME_DIR: scratch,
        ...SEEN,
        ...env
      }
    })
    alive.add(this)
    if (!lasting) running.add(this)
    else lastingCleanups.push(() => this.kill('SIGKILL'))
    this.exited = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        running.delete(this)
        alive.delete(this)
        this.code = code === null ? 128 + os.constants.signals[signal] : code
        for (const wait of this.waiting.splice(0)) wait.reject(this.failure(wait.what))
        resolve(this.code)
      })
    })
    let rest = ''
    this.child.stdout.on('data', (data) => {
      this.stdout.push(data)
      rest += data.toString('latin1')
      const lines = rest.split('\n')
      rest = lines.pop()
      for (const line of lines) this.onLine(line)
    })
    this.child.stderr.on('data', (data) => { this.said += data })
  }

  /** Without what is said of what took its time. */
  get stderr () { return this.said.replace(/^hsfwd: still .*\n/gm, '') }

  onLine (line) {
    let event = null
    try { event = JSON.parse(line) } catch {}
    if (event === null || typeof event !== 'object') event = { event: 'line', line }
    if (event.event === 'waiting') this.tried.push(event)
    else if (event.event === 'warning' && event.component) this.warned.push(event)
    else this.events.push(event)
    for (const wait of [...this.waiting]) {
      if (!wait.match(event)) continue
      this.waiting.splice(this.waiting.indexOf(wait), 1)
      wait.resolve(event)
    }
  }

  failure (what) {
    const said = this.stderr || Buffer.concat(this.stdout.slice(-2)).toString().slice(-2000)
    return new Error(`${this.name} ended (${this.code}) before ${what}; it said: ${said}`)
  }

  text () { return Buffer.concat(this.stdout).toString() }

  /** The first event, past or to come, of that name that `matches`. */
  event (name, { timeout = 30000, matches = () => true } = {}) {
    const match = (event) => event.event === name && matches(event)
    const past = [...this.events, ...this.tried, ...this.warned].find(match)
    if (past) return Promise.resolve(past)
    if (this.code !== undefined) return Promise.reject(this.failure(name))
    return within(timeout, `${this.name}: event ${name}`, new Promise((resolve, reject) => {
      this.waiting.push({ match, resolve, reject, what: name })
    }))
  }

  pid () { return this.child.pid }

  kill (signal = 'SIGTERM') {
    if (this.code === undefined) this.child.kill(signal)
    return this.exited
  }
}

function hsfwd (args, options) { return new Program(BINARY, args, options) }

/** Runs a program of ours to its end. */
async function run (args, { input, timeout = 60000, env } = {}) {
  const program = hsfwd(args, { stdin: input === undefined ? 'ignore' : 'pipe', env })
  if (input !== undefined) program.child.stdin.end(input)
  await within(timeout, `${program.name} to end`, program.exited)
  return { code: program.code, stdout: program.text(), stderr: program.stderr, program }
}

function within (timeout, what, promise) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${timeout} ms: ${what}`)), timeout)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

async function until (holds, what, timeout = 20000) {
  const end = Date.now() + timeout
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`timed out after ${timeout} ms: ${what}`)
    await sleep(20)
  }
}

function sleep (ms) { return new Promise((resolve) => setTimeout(resolve, ms)) }

/** A TCP service on loopback; `serve(socket)` for each connection. */
function service (serve, options = {}) {
  return new Promise((resolve, reject) => {
    const sockets = new Set()
    const server = net.createServer({ allowHalfOpen: true, ...options }, (socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
      serve(socket)
    })
    const where = options.path ? { path: options.path } : { host: options.host || '127.0.0.1', port: options.port || 0 }
    server.on('error', reject)
    server.listen(where, () => {
      const stop = () => new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(resolve)
      })
      cleanups.push(stop)
      resolve({ port: server.address().port, sockets, stop, server })
    })
  })
}

/**
 * A connection to this machine. One that is reset as soon as it is there may be over before the system has told of it:
 * it is what comes out as well, and ends with that error.
 */
function connect (port, options = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, ...options })
    const failed = (error) => {
      if (error.code !== 'ECONNRESET') return reject(error)
      const over = new net.Socket()
      over.on('error', () => {})
      over.write = () => false
      setImmediate(() => over.destroy(error))
      resolve(over)
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.removeListener('error', failed)
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}

/** Everything a stream delivers until it ends; rejects when it is reset. */
function readAll (socket) {
  return new Promise((resolve, reject) => {
    const chunks = []
    socket.on('data', (data) => chunks.push(data))
    socket.on('end', () => resolve(Buffer.concat(chunks)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed without an end')))
  })
}

let nextPort = 20000 + crypto.randomInt(10000)

/** Whether `listening` gets its port, on any address. */
function gets (listening, event, end) {
  return new Promise((resolve) => {
    listening.on('error', () => resolve(false))
    listening.on(event, () => end(() => resolve(true)))
  })
}

/**
 * A port that nobody has, of TCP and of UDP, on no address. It lies below those that the kernel gives
 * to whom asks for any, and below those of the DHT, so that nobody takes it meanwhile.
 */
async function freePort () {
  for (;;) {
    const port = nextPort
    nextPort = port === 29999 ? 20000 : port + 1
    const server = net.createServer()
    server.listen(port, '0.0.0.0')
    if (!await gets(server, 'listening', (done) => server.close(done))) continue
    const socket = dgram.createSocket('udp4')
    socket.bind(port, '0.0.0.0')
    if (await gets(socket, 'listening', (done) => socket.close(done))) return port
  }
}

function sha256 (data) { return crypto.createHash('sha256').update(data).digest('hex') }

function equal (got, wanted, what) {
  if (got !== wanted) throw new Error(`${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`)
}

function ok (holds, what) { if (!holds) throw new Error(what) }

// What ctest takes for a test that could not run.
const SKIPPED = 77

/** Ends a case that cannot run here; `why` is one line. A file none of whose cases could run is skipped as a whole. */
class Skip extends Error {}
function skip (why) { throw new Skip(why) }

// An address of this machine that nobody else has a reason to use, where namespaces could not be made.
const lonely = `127.${100 + (process.pid >> 16) % 100}.${(process.pid >> 8) & 255}.${1 + (process.pid & 255) % 254}`
/** The words of a command line for a network in which nobody answers. */
const NOBODY = ['--host', lonely, '--bootstrap', `${lonely}:9`]

/** Resident memory of a process, bytes. */
function residentMemory (pid) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024
}

function openFiles (pid) { return fs.readdirSync(`/proc/${pid}/fd`).length }

/** A private DHT of our nodes; the words of `--bootstrap` for it. */
async function testnet (size = 10) {
  const program = hsfwd(['testnet', '--size', String(size), '--port', '0', '--json'])
  const { bootstrap } = await program.event('ready')
  return { program, bootstrap: bootstrap[0], port: Number(bootstrap[0].split(':')[1]) }
}

/** Stories that have nothing to do with each other, at once: [name, story] each. */
async function together (stories) {
  const told = await Promise.all(stories.map(async ([name, story]) => {
    try {
      return `${name}: ${await story() ?? 'done'}`
    } catch (error) {
      throw new Error(`${name}: ${error.message}`)
    }
  }))
  return told.join('; ')
}

const cases = []
/** A named case; all of a file run one after the other. */
function test (name, body) { cases.push({ name, body }) }

async function cleanUp (steps) {
  for (const step of steps.splice(0).reverse()) await within(5000, 'clean-up', Promise.resolve(step())).catch(() => {})
}

async function endAll () {
  await cleanUp(cleanups)
  for (const program of running) program.child.kill('SIGKILL')
  await Promise.all([...running].map((program) => program.exited))
}

async function main () {
  const only = process.argv[2]
  let passed = 0
  let skipped = 0
  let failed = 0
  for (const { name, body } of cases) {
    if (only && !name.includes(only)) continue
    const start = Date.now()
    try {
      const note = await body()
      passed++
      console.log(`ok      ${name} (${Date.now() - start} ms)${typeof note === 'string' ? ': ' + note : ''}`)
    } catch (error) {
      if (error instanceof Skip) {
        skipped++
        console.log(`skipped: ${name}: ${error.message}`)
      } else {
        failed++
        console.log(`FAILED  ${name}: ${error.stack}`)
      }
    }
    await endAll()
  }
  await cleanUp(lastingCleanups)
  fs.rmSync(scratch, { recursive: true, force: true })
  if (passed + skipped + failed === 0) {
    console.log(`FAILED  no case is called ${only}`)
    process.exit(1)
  }
  console.log(failed ? `${failed} failed` : skipped ? `${passed} passed, ${skipped} skipped` : 'all passed')
  process.exit(failed ? 1 : passed ? 0 : SKIPPED)
}

// Also when a case throws where nobody catches it.
process.on('exit', () => { for (const program of alive) program.child.kill('SIGKILL') })
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, async () => {
    await endAll()
    await cleanUp(lastingCleanups)
    process.exit(128 + os.constants.signals[signal])
  })
}
setImmediate(main)

/** Ends a file without a case run, if there is a reason: one line, and the code by which ctest knows. */
function skipAllIf (problem) {
  if (!problem) return
  fs.rmSync(scratch, { recursive: true, force: true })
  console.log(`skipped: ${problem}`)
  process.exit(77)
}

module.exports = {
  BINARY, NOBODY, SANITIZED, Program, cleanups, connect, equal, freePort, hsfwd, lastingCleanups, ok, openFiles, readAll,
  residentMemory, run, scratch, service, sha256, skip, skipAllIf, sleep, test, testnet, together, until, within
}
