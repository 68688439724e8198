// SPDX-License-Identifier: Apache-2.0
// status and peers on a terminal and off it: colours, and --watch through a restart of up.
'use strict'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const t = require('../support/harness')

let files = 0
function fresh (what) { return path.join(t.scratch, `watch-${what}-${files++}`) }

/** A network and an up in it, with a configuration of its own. */
async function theUp () {
  const network = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const file = fresh('config')
  fs.writeFileSync(file, `identity = "${fresh('identity')}"\nbootstrap = "${network.bootstrap}"\n[[expose]]\nservices = "echo=${echo.port}"\n`)
  const start = async () => {
    const up = t.hsfwd(['up', '-c', file, '--json'])
    await up.event('listening')
    return up
  }
  return { file, start, network, up: await start() }
}

/** A shell's command in a terminal of 12 rows and 90 columns. */
function terminal (command, env = {}) {
  const program = new t.Program('script', ['-qfec', `stty rows 12 cols 90; trap : INT; ${command}`, '/dev/null'],
    { stdin: 'pipe', env: { TERM: 'xterm', NO_COLOR: '', ...env } })
  const type = (keys) => program.child.stdin.write(keys)
  /** The rows of the last picture, and whether there is one. */
  const rows = () => {
    const picture = program.text().split('\x1b[H').at(-1)
    return picture.split('\x1b[K').map((row) => row.replace(/^\r+\n/, ''))
  }
  return { program, type, rows, text: () => program.text() }
}

/** The process that a terminal's shell waits for. */
function watching (file) {
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let words = []
    try { words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0') } catch {}
    if (words[0] === t.BINARY && words.some((word) => word.startsWith('--watch')) && words.includes(file)) return Number(pid)
  }
  throw new Error('nobody watches')
}
function isStopped (pid) { return /^State:\s+T/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8')) }

t.test('a live view on the terminal, through a restart of up; what was there before comes back', async () => {
  const { file, start, up } = await theUp()
  const view = terminal(`${t.BINARY} status --watch -c ${file}; echo code $?; stty -a`)
  const shows = (words, what) => t.until(() => view.rows().some((row) => row.includes(words)), `${what}: ${JSON.stringify(view.rows())}`)
  await shows('\x1b[32mall is well\x1b[0m: online, 1 tunnel', 'all is well, in green')
  t.ok(view.text().includes('\x1b[?1049h'), 'a screen of its own')
  t.ok(/^hsfwd status, every 1 s, \d\d:\d\d:\d\d; q ends$/.test(view.rows()[0]), `the head: ${view.rows()[0]}`)
  t.ok(view.rows().length <= 13, `no more rows than there are: ${view.rows().length}`)
  await shows('... ', 'how much there is beside')
  t.ok(/^\.\.\. \d+ more lines?: hsfwd status$/.test(view.rows().at(-2)), `the last row: ${view.rows().at(-2)}`)
  const pictures = () => view.text().split('\x1b[H').length
  const before = pictures()
  await t.until(() => pictures() > before + 1, 'more pictures')

  await up.kill()
  await shows('\x1b[31merror: \x1b[0mhsfwd up does not answer, for ', 'that nobody answers')
  await shows('up:', 'what there was')
  await start()
  await shows('\x1b[32mall is well\x1b[0m', 'that it is back')

  const pid = watching(file)
  view.type('\x1a')
  await t.until(() => isStopped(pid), 'ctrl-Z to stop it')
  await t.until(() => view.text().endsWith('\x1b[?1049l'), 'the terminal to be as it was')
  const stopped = pictures()
  process.kill(pid, 'SIGCONT')
  await t.until(() => pictures() > stopped && view.text().lastIndexOf('\x1b[?1049h') > view.text().lastIndexOf('\x1b[?1049l'), 'it to go on')

  view.type('typed\x03')
  await t.within(10000, 'ctrl-C to end it', view.program.exited)
  const left = view.text().slice(view.text().lastIndexOf('\x1b[?1049l'))
  t.ok(/code 130\r\n/.test(left) && !left.includes('typed'), `afterwards: ${JSON.stringify(left)}`)
  t.ok(/[ ;]echo /.test(left) && /[ ;]icanon /.test(left) && left.includes('\x1b[?1049l'), `the terminal: ${left}`)
  t.ok(/\x1b\[\?25h/.test(view.text().slice(-3000)), 'with a cursor')
})

t.test('a watch is told to end, and gives the terminal back', async () => {
  const { file } = await theUp()
  const view = terminal(`${t.BINARY} peers --watch 5 -c ${file}; echo code $?`)
  await t.until(() => view.rows().includes('no connections'), 'the view').catch((e) => { throw new Error(e.message + JSON.stringify(view.text())) })
  t.ok(view.rows()[0].startsWith('hsfwd peers, every 5 s, '), view.rows()[0])
  process.kill(watching(file), 'SIGTERM')
  await t.within(10000, 'its end', view.program.exited)
  t.ok(/\x1b\[\?1049l(\x1b.*)?code 143\r\n$/.test(view.text()), JSON.stringify(view.text().slice(-200)))
})

t.test('q ends a watch, also after it was stopped and others had the terminal; so does SIGQUIT', async () => {
  const { file } = await theUp()
  const view = terminal(`${t.BINARY} status --watch -c ${file}; echo code $?; stty -a; ${t.BINARY} peers --watch=2 -c ${file}; echo code $?; stty -a`)
  const shows = (words) => t.until(() => view.rows().some((row) => row.includes(words)), `${words}: ${JSON.stringify(view.text().slice(-300))}`)
  await shows('hsfwd status, ')
  const pid = watching(file)
  process.kill(pid, 'SIGSTOP')
  await t.until(() => isStopped(pid), 'it to be stopped')
  execFileSync('stty', ['-F', fs.readlinkSync(`/proc/${pid}/fd/0`), 'echo', 'icanon'])
  const before = view.text().length
  process.kill(pid, 'SIGCONT')
  await t.until(() => view.text().slice(before).includes('\x1b[?25l'), 'it to go on')
  const ended = view.text().length
  view.type('xyz')
  view.type('q')
  await t.until(() => view.text().includes('code 0\r\n'), 'its end')
  await shows('hsfwd peers, every 2 s')
  const left = view.text().slice(ended)
  t.ok(!/xyz|q\b.*code 0/.test(left.slice(0, left.indexOf('code 0'))), `what was typed is not shown: ${JSON.stringify(left)}`)
  process.kill(watching(file), 'SIGQUIT')
  await t.within(10000, 'the end', view.program.exited)
  const parts = view.text().split('\x1b[?1049l')
  t.ok(parts.length === 3 && parts[1].includes('code 0\r\n') && parts[2].includes('code 131\r\n'), `ends: ${JSON.stringify(parts.slice(1))}`)
  for (const part of parts.slice(1)) t.ok(/[ ;]echo /.test(part) && /[ ;]icanon /.test(part), `the terminal: ${part}`)
})

t.test('a terminal that is non-blocking, and full for a while, is no reason to end', async () => {
  const { file } = await theUp()
  // As a program leaves it that has set O_NONBLOCK.
  const nonblocking = `perl -e 'use Fcntl; fcntl(STDOUT, F_SETFL, O_NONBLOCK | O_RDWR); exec @ARGV' --`
  const view = terminal(`stty rows 2000; ${nonblocking} ${t.BINARY} status --watch -c ${file}; echo code $?`)
  await t.until(() => view.rows().some((row) => row.includes('hsfwd status')), 'the view')
  const pid = watching(file)
  process.kill(view.program.pid(), 'SIGSTOP')
  // Four kilobytes of pictures fit.
  const writes = () => Number(/^wchar: (\d+)/m.exec(fs.readFileSync(`/proc/${pid}/io`, 'utf8'))[1])
  const fill = fs.openSync(fs.readlinkSync(`/proc/${pid}/fd/1`), fs.constants.O_WRONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY)
  try { for (;;) fs.writeSync(fill, 'x'.repeat(100)) } catch (error) { t.equal(error.code, 'EAGAIN', 'full') }
  fs.closeSync(fill)
  const written = writes()
  await new Promise((resolve) => setTimeout(resolve, 2500))
  t.equal(writes(), written, 'nothing is taken')
  process.kill(view.program.pid(), 'SIGCONT')
  const pictures = view.text().split('\x1b[H').length
  await t.until(() => view.text().split('\x1b[H').length > pictures + 2, 'more pictures')
  view.type('q')
  await t.within(10000, 'its end', view.program.exited)
  t.ok(view.text().includes('code 0\r\n'), JSON.stringify(view.text().slice(-200)))
})

t.test('answers of a hostile socket are refused, or no more than shown', async () => {
  let answer = ''
  const at = fresh('socket')
  const server = net.createServer((socket) => { socket.on('error', () => {}); socket.once('data', () => socket.end(answer + '\n')) })
  await new Promise((resolve) => server.listen(at, resolve))
  t.cleanups.push(() => server.close())
  const odd = ['{"event":"status"}', '{"event":"status","command":7,"pid":[]}', '{"event":"status","command":{"a":[]},"exposes":7}',
    `{"event":"status","a":${'['.repeat(3e6)}${']'.repeat(3e6)}}`, '[]', '"status"']
  for (answer of odd) {
    for (const words of [['--watch'], []]) {
      const result = await t.run(['status', ...words, '--socket', at])
      t.equal(`${result.code} ${result.stderr.split('\n').length}`, '1 2', `${answer.slice(0, 60)} ${words}: ${result.stderr}`)
      t.ok(result.stderr.includes('cannot understand the answer'), result.stderr)
    }
  }
  // As events they are passed on; who then goes is told of by a name that need be none.
  answer = odd[1]
  const lines = t.hsfwd(['status', '--watch', '--socket', at, '--json'])
  await t.until(() => lines.events.length > 1, 'events')
  server.close()
  t.ok((await lines.event('error')).code, 'an error')
  t.equal(await lines.kill(), 143, 'and goes on')
})

t.test('colours on a terminal that has them, unless NO_COLOR is set', async () => {
  const { file } = await theUp()
  const status = async (env, more = '') => {
    const view = terminal(`${t.BINARY} status -c ${file} ${more}`, env)
    await view.program.exited
    return view.text()
  }
  t.ok((await status()).startsWith('\x1b[32mall is well\x1b[0m: online'), 'green')
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }, { TERM: '' }]) {
    const text = await status(env)
    t.ok(text.startsWith('all is well: online') && !text.includes('\x1b'), `${JSON.stringify(env)}: ${JSON.stringify(text)}`)
  }
  t.ok(!(await status({}, '--json')).includes('\x1b'), 'events')
  const plain = await t.run(['status', '-c', file], { env: { TERM: 'xterm' } })
  t.ok(plain.stdout.startsWith('all is well: online'), `on a pipe: ${plain.stdout}`)
})

t.test('on a pipe, or a terminal that knows nothing, one status after the other', async () => {
  const { file, start, up } = await theUp()
  const lines = t.hsfwd(['status', '--watch', '-c', file, '--json'])
  const texts = t.hsfwd(['status', '-w', '-c', file])
  const dumb = terminal(`${t.BINARY} peers --watch -c ${file}`, { TERM: 'dumb' })
  const statuses = () => lines.events.filter((e) => e.event === 'status')
  await t.until(() => statuses().length >= 2, 'two events')
  t.ok(!('rateToPeer' in statuses()[0].exposes[0]), 'no rates of one')
  t.equal(`${statuses()[1].exposes[0].rateToPeer} ${statuses()[1].exposes[0].rateFromPeer}`, '0 0', 'rates of two')
  await up.kill()
  const error = await lines.event('error')
  t.ok(['NOT_RUNNING', 'NO_ANSWER'].includes(error.code), `what scripts are told: ${error.code}`)
  await t.until(() => texts.text().includes('\n\nerror: hsfwd up does not answer, for '), 'people to be told')
  const before = statuses().length
  const again = await start()
  await t.until(() => statuses().length > before, 'more of them')
  t.equal(statuses().at(-1).pid, again.pid(), 'of the new one')
  t.ok(!('rateToPeer' in statuses()[before].exposes[0]), 'which has no rates yet')
  await t.until(() => texts.text().split('all is well: ').length > 3 && dumb.text().split('no connections').length > 3, 'more texts')
  t.ok(!texts.text().includes('\x1b') && !dumb.text().includes('\x1b'), 'nothing that steers a terminal')
  t.equal(await texts.kill(), 143, 'exit code')
  t.equal(lines.stderr + texts.stderr, '', 'nothing to complain about')
})

t.test('without an up status, peers and why tell of each running expose and connect of this user', async () => {
  const network = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const env = { XDG_RUNTIME_DIR: fresh('runtime'), XDG_CONFIG_HOME: fresh('none'), XDG_STATE_HOME: fresh('state') }
  const nobody = await t.run(['status'], { env })
  t.equal(nobody.code, 69, `without any: ${nobody.stderr}`)
  const expose = t.hsfwd(['expose', `echo=${echo.port}`, '--bootstrap', network.bootstrap, '--json'], { env })
  const { publicKey } = await expose.event('listening')
  const connect = t.hsfwd(['connect', publicKey, '-L', '0:echo', '-D', '0', '--name', 'client', '--bootstrap', network.bootstrap, '--json'], { env })
  const { listen } = await connect.event('ready', { matches: (e) => e.service === 'echo' })
  const socket = await t.connect(Number(listen.split(':')[1]))
  await new Promise((resolve) => { socket.once('data', resolve); socket.write('hello') })

  const folder = path.join(env.XDG_RUNTIME_DIR, 'hsfwd')
  const sockets = () => fs.readdirSync(folder).filter((name) => /^cmd-.*\.sock$/.test(name)).sort()
  t.equal(sockets().join(), `cmd-connect-${connect.pid()}.sock,cmd-expose-${expose.pid()}.sock`, 'their sockets')
  t.equal(fs.statSync(path.join(folder, sockets()[0])).mode & 0o777, 0o600, 'for this user alone')
  const asked = async (...words) => (await t.run([...words, '--json'], { env })).program.events
  const statuses = await asked('status')
  t.equal(statuses.map((e) => `${e.event} ${e.command} ${e.pid}`).join(), `status connect ${connect.pid()},status expose ${expose.pid()}`, 'events')
  t.equal(`${statuses[0].connects.length} ${statuses[0].socks.length} ${statuses[0].exposes.length} ${statuses[1].exposes.length}`, '1 1 0 1', 'what they run')
  t.equal(`${statuses[1].exposes[0].bytesFromPeer} ${statuses[0].connects[0].bytesToPeer}`, '5 5', 'what it has carried')
  const peers = await asked('peers')
  t.equal(peers.map((e) => `${e.command} ${e.pid} ${e.connections.length}`).join(), `connect ${connect.pid()} 1,expose ${expose.pid()} 1`, 'peers')
  const [why] = await asked('why')
  t.equal(`${why.command} ${why.pid} ${why.attempts[0].outcome}`, `connect ${connect.pid()} reached`, 'why')
  const { stdout } = await t.run(['status'], { env })
  t.ok(stdout.startsWith(`hsfwd connect, process ${connect.pid()}:\nall is well: online, 2 tunnels, 1 session\n\nage:  `), stdout)
  t.ok(stdout.includes(`\n\nhsfwd expose, process ${expose.pid()}:\nall is well: `) && stdout.includes(`echo -> localhost:${echo.port}`), stdout)
  const watch = t.hsfwd(['status', '--watch', '--json'], { env })
  await t.until(() => watch.events.length >= 4, 'a watch of both')
  t.equal(watch.events[2].connects[0].rateToPeer, 0, 'with rates')

  // They tell, and take no orders.
  for (const command of ['reload', 'down']) {
    const told = await t.run([command, '--socket', path.join(folder, sockets()[1])], { env })
    t.equal(told.code, 2, `exit code of ${command}`)
    t.ok(/this is hsfwd expose, which tells what it does and takes no orders/.test(told.stderr), told.stderr)
  }
  t.equal(expose.code, undefined, 'it runs on')

  const file = fresh('config')
  fs.writeFileSync(file, `identity = "${fresh('identity')}"\nbootstrap = "${network.bootstrap}"\n[[expose]]\nservices = "1"\n`)
  t.equal((await t.run(['status', '-c', file], { env })).code, 69, 'who names a file means its up')
  await expose.kill('SIGKILL')
  t.equal(sockets().length, 2, 'what a killed one leaves')
  t.equal((await asked('status')).map((e) => e.command).join(), 'connect', 'is none')
  t.equal(sockets().length, 1, 'and taken away')
  t.equal(await connect.kill(), 143, 'exit code')
  t.equal(fs.readdirSync(folder).filter((name) => name.startsWith('cmd-')).join(), '', 'nothing is left')
  t.equal(connect.stderr + expose.stderr, '', 'nothing to complain about')
})

t.test('a command that can have no socket runs as well', async () => {
  const network = await t.testnet()
  const folder = fresh('file')
  fs.writeFileSync(folder, '')
  const env = { XDG_RUNTIME_DIR: folder, HSFWD_IDENTITY: '11'.repeat(32), XDG_STATE_HOME: folder }
  const expose = t.hsfwd(['expose', '1', '--bootstrap', network.bootstrap, '-q', '--json'], { env })
  await expose.event('listening')
  t.equal(expose.events.filter((e) => e.event !== 'listening' && e.event !== 'reachability').length, 0, 'and says nothing of it')
  t.equal(expose.stderr, '', 'nor there')
})

t.test('a watch that makes no sense, or of nobody', async () => {
  for (const words of [['5'], ['--watch', '0'], ['--watch', 'x'], ['--watch', '3601'], ['--watch', '1', '2'], ['--watch=1', '2'], ['--watch=0']]) {
    const result = await t.run(['status', ...words])
    t.equal(result.code, 2, `exit code of ${words}`)
    t.ok(/^hsfwd: .*\n$/.test(result.stderr), result.stderr)
  }
  for (const words of [['--watch=2x'], ['--watch', '2x'], ['-w2x']]) {
    t.equal((await t.run(['status', ...words])).stderr, 'hsfwd: --watch 2x: must be a whole number of seconds, 1 to 3600\n', words.join(' '))
  }
  const file = fresh('nobody')
  fs.writeFileSync(file, '')
  const nobody = await t.run(['status', '--watch', '-c', file])
  t.equal(nobody.code, 69, 'exit code')
  t.ok(/^hsfwd: no hsfwd up runs with /.test(nobody.stderr), nobody.stderr)
})
