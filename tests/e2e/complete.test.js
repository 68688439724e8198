// SPDX-License-Identifier: Apache-2.0
// What shells complete: everything that --help tells of, from the program itself; and in real shells, in which nothing of what
// is typed or configured is ever run.
'use strict'
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

const HEX = 'a5fabdae507f53380ce09fa7f0bd4fb85e7ed5e7f6c62bba92829335dffa96bd'
const KEY = '8cc4iq8ei1uptd6fsfdbw7wzxt1by1w4iz8fjaqpfm5m3gf1hrgo'
const OTHER = 'b'.repeat(64)
const OTHER_KEY = 'zq75'.repeat(12) + 'zq7o'
const THIRD = 'c'.repeat(64)
const THIRD_KEY = '3ugc'.repeat(12) + '3ugy'
const COMPLETIONS = path.join(__dirname, '..', '..', 'completions')

/** Lines as [word, description]. */
async function complete (...words) {
  const { code, stdout, stderr } = await t.run(['complete', '--', ...words])
  t.equal(code, 0, `exit code of complete ${words.join(' ')}`)
  t.equal(stderr, '', `what complete ${words.join(' ')} says`)
  return stdout.split('\n').slice(0, -1).map((line) => line.split('\t'))
}
async function wordsOf (...words) { return (await complete(...words)).map(([word]) => word) }

async function commands () {
  return [...(await t.run(['--help'])).stdout.matchAll(/^  ([a-z]+) /gm)].map((match) => match[1])
}

function same (got, wanted, what) { t.equal(JSON.stringify(got), JSON.stringify(wanted), what) }

let files = 0
function config (text) {
  const name = path.join(t.scratch, `peers-${files++}.toml`)
  fs.writeFileSync(name, text)
  return name
}

t.test('every command, and every option of each, as --help has them', async () => {
  const names = await commands()
  same(await wordsOf(''), [...names, 'help'], 'commands')
  same(await wordsOf('help', ''), names, 'behind help')
  same(await wordsOf('pi'), ['pipe', 'ping'], 'those that begin with pi')
  same(await wordsOf('-'), ['--help', '--version'], 'in place of a command')
  for (const command of names) {
    const help = (await t.run(['help', command])).stdout
    const entries = [...help.slice(help.indexOf('options:')).matchAll(/^  (?:(-[a-zA-Z]) \[ )?(--[a-z-]+)/gm)]
    t.ok(entries.length > 3, `options of ${command}: ${help}`)
    const long = entries.map(([, , option]) => option)
    same(await wordsOf(command, '--'), long, `options of ${command}`)
    same((await wordsOf(command, '-')).sort(), entries.flatMap(([, short, option]) => short ? [short, option] : [option]).sort(),
      `options of ${command}, the short ones too`)
    for (const [option, about] of await complete(command, '--')) t.ok(about, `${command} ${option} has a description`)
  }
})

t.test('an option is offered once, unless it may be repeated, and behind its value', async () => {
  t.ok(!(await wordsOf('ping', '-v', '--')).includes('--verbose'), '-v twice')
  t.ok(!(await wordsOf('ping', '--count=3', '--')).includes('--count'), '--count twice')
  t.ok((await wordsOf('ping', '--bootstrap', 'x:1', '--')).includes('--bootstrap'), '--bootstrap twice')
  same(await complete('ping', '--count', ''), [], 'a number')
  same(await complete('ping', '--count', '--'), [], 'its value, whatever it looks like')
  same(await wordsOf('ping', '--log-format', ''), ['text', 'json'], 'formats')
  same(await wordsOf('ping', '--log-format=j'), ['--log-format=json'], 'formats in the same word')
})

t.test('files: of options, of keys, of sockets', async () => {
  same(await wordsOf('up', '-c', ''), [':files 0'], '-c')
  same(await wordsOf('up', '-cx'), [':files 2'], '-c in the same word')
  same(await wordsOf('up', '--config=x'), [':files 9'], '--config=')
  same(await wordsOf('keygen', '--identity', '/et'), [':files 0'], '--identity')
  same(await wordsOf('status', '--socket', ''), [':files 0'], '--socket')
  same(await wordsOf('ping', '@x'), [':files 1'], '@FILE')
  same(await wordsOf('expose', '80', '--allow', '@'), [':files 1'], '--allow @FILE')
  same(await wordsOf('expose', 'db=unix:/ru'), [':files 8'], 'a socket that is exposed')
  same(await wordsOf('connect', HEX, '-L', 'unix:'), [':files 5'], 'a socket that leads to a peer')
  same(await wordsOf('run', '--', 'ca'), [':commands'], 'what is run')
  same(await wordsOf('run', '--', 'cat', '-'), [':files 0'], 'and its arguments')
})

t.test('peers by their names, or by the beginning of their keys', async () => {
  const folder = path.join(t.scratch, 'hsfwd')
  const standard = path.join(folder, 'hsfwd.toml')
  fs.mkdirSync(path.join(folder, 'peers.d'), { recursive: true })
  t.cleanups.push(() => fs.rmSync(folder, { recursive: true }))
  fs.writeFileSync(standard, `
[peer.home]
key = "${KEY}"
[peer.homer]
key = "${OTHER}"
[peer.office]
key_file = "nowhere.key"
[peer."two words"]
key = "${OTHER}"
[peer.wrong]
key = "nonsense"
`)
  fs.writeFileSync(path.join(folder, 'peers.d', 'vps'), THIRD)
  const pipe = path.join(folder, 'peers.d', 'pipe')
  spawnSync('mkfifo', [pipe])
  const home = ['home', KEY]
  const homer = ['homer', OTHER_KEY]
  same(await complete('ping', ''), [home, homer, ['vps', THIRD_KEY], [OTHER_KEY, 'two words']], 'those that can be used')
  same(await complete('ping', 'ho'), [home, homer], 'the beginning of names')
  same(await complete('ping', 'zq'), [[OTHER_KEY, 'homer, two words']], 'the beginning of a key')
  same(await complete('ping', '--relay-through=vp'), [['--relay-through=vps', THIRD_KEY]], 'in the same word')
  for (const command of ['connect', 'pipe', 'tun', 'lookup', 'ping', 'why']) {
    same(await wordsOf(command, 'home'), ['home', 'homer'], command)
  }
  same(await wordsOf('tun', KEY, 'homer'), ['homer'], 'the second peer of a network')
  same(await wordsOf('ping', KEY, 'home'), [], 'one peer is all that ping takes')
  same(await wordsOf('ping', KEY, ''), await wordsOf('ping', KEY, '--'), 'behind it are options')
  fs.writeFileSync(standard, 'peer =')
  same(await wordsOf('ping', ''), ['vps'], 'where the file is wrong')
  fs.rmSync(standard)
  spawnSync('mkfifo', [standard])
  same(await wordsOf('ping', ''), ['vps'], 'a pipe, which nobody writes')
})

t.test('what peers add, remove and names take', async () => {
  same(await wordsOf('peers', ''), ['add', 'remove', 'names'], 'words')
  same(await wordsOf('peers', 'na'), ['names'], 'the beginning of one')
  t.ok((await wordsOf('peers', '--')).includes('--socket'), 'options of peers itself')
  t.ok(!(await wordsOf('peers', 'names', '--')).includes('--socket'), 'and of names')
  const env = { XDG_CONFIG_HOME: path.join(t.scratch, 'remove') }
  await t.run(['peers', 'add', 'home', KEY], { env })
  t.equal((await t.run(['complete', '--', 'peers', 'remove', ''], { env })).stdout, `home\t${KEY}\n`, 'names to be removed')
  const other = config(`[peer.elsewhere]\nkey = "${OTHER}"\n`)
  for (const words of [['-c', other], [`-c${other}`], [`--config=${other}`]]) {
    const named = (await t.run(['complete', '--', 'peers', 'remove', ...words, ''], { env })).stdout
    t.equal(named, `elsewhere\t${OTHER_KEY}\n`, `of the file that the line names: ${words}`)
  }
  t.equal((await t.run(['complete', '--', 'peers', 'remove', '-c', '/nowhere', 'h'], { env })).stdout, '', 'there is no such file')
})

t.test('identities by their names', async () => {
  for (const name of ['work', 'laptop']) t.equal((await t.run(['keygen', '--name', name])).code, 0, `keygen --name ${name}`)
  same(await wordsOf('ping', '--name', ''), ['laptop', 'work'], 'all')
  same(await wordsOf('ping', '--name=w'), ['--name=work'], 'in the same word')
})

t.test('services of a peer, of the file and of the running up', async () => {
  const port = await t.freePort()
  const listen = await t.freePort()
  const made = (await t.run(['keygen', '--identity', path.join(t.scratch, 'own'), '--json'])).program.events[0]
  const standard = path.join(t.scratch, 'hsfwd', 'hsfwd.toml')
  fs.mkdirSync(path.dirname(standard), { recursive: true })
  t.cleanups.push(() => fs.rmSync(standard))
  const net = `identity = "${t.scratch}/own"\nhost = "${t.NOBODY[1]}"\nbootstrap = ["${t.NOBODY[3]}"]\n`
  const text = (service) => `${net}[peer.home]\nkey = "${KEY}"\n[[connect]]\npeer = "home"\nlisten = ["${listen}:${service}", "${port}"]\n`
  fs.writeFileSync(standard, text('ssh'))
  t.ok(made.key, 'an identity')
  same(await wordsOf('pipe', KEY, ''), ['ssh'], 'of the file')
  same(await wordsOf('pipe', 'home', ''), ['ssh'], 'of a name')
  const up = t.hsfwd(['up'])
  await t.until(async () => (await t.run(['status', '--json'])).code === 0, 'the running up')
  fs.writeFileSync(standard, text('web'))
  same(await wordsOf('pipe', KEY, ''), ['ssh', 'web'], 'of the file as it is now, and of the running up')
  same(await wordsOf('connect', KEY, '-L', '2222:w'), ['2222:web'], '-L')
  same(await wordsOf('connect', KEY, '-L127.0.0.1:2222:s'), ['-L127.0.0.1:2222:ssh'], '-L in the same word')
  same(await wordsOf('connect', KEY, '--local=udp:53:'), ['--local=udp:53:ssh', '--local=udp:53:web'], 'udp:')
  same(await complete('connect', KEY, '-L', 'udp:'), [], 'a port comes first')
  same(await complete('connect', HEX, '-L', '2222:'), [], 'another peer')
  await up.kill()
})

t.test('nothing is made, said or run by what is typed', async () => {
  const before = fs.readdirSync(t.scratch).sort()
  for (const words of [[], ['nonsense', ''], ['ping', '--nonsense=', ''], ['-', ''], ['pipe', 'x'.repeat(100000), ''],
    ['ping', '--', ''], ['help', 'x', 'y'], ['expose', '\u001b[2J\n\t'], ['ping', '@/nowhere', ''], ['pipe', '@/dev/zero', '']]) {
    await complete(...words)
  }
  same(fs.readdirSync(t.scratch).sort(), before, 'files')
})

/** A terminal with a shell in it, that shows its line at the end of each case. */
class Shell {
  constructor (command, env) {
    this.program = new t.Program('script', ['-qfec', command, '/dev/null'], { stdin: 'pipe', env })
  }

  text () { return this.program.text().replace(/\r/g, '') }

  type (text) { this.program.child.stdin.write(text) }

  /** What the line becomes, and what was shown on the way. */
  async line (typed) {
    const from = this.text().length
    this.type(typed + '\x18p')
    const shown = () => /<<<([^]*)>>>/.exec(this.text().slice(from))
    await t.until(shown, `the line that ${JSON.stringify(typed)} becomes; there is ${JSON.stringify(this.text().slice(from))}`)
    return { line: shown()[1], shown: this.text().slice(from) }
  }
}

/** A folder in which `hsfwd` is the program, for PATH, and a configuration of hostile names. */
function place () {
  const folder = path.join(t.scratch, 'place')
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(path.join(folder, 'bin'), { recursive: true })
  fs.mkdirSync(path.join(folder, 'hsfwd'))
  fs.mkdirSync(path.join(folder, 'a $(touch run) folder'))
  fs.writeFileSync(path.join(folder, 'a $(touch run) folder', 'one.key'), HEX)
  fs.symlinkSync(t.BINARY, path.join(folder, 'bin', 'hsfwd'))
  fs.writeFileSync(path.join(folder, 'hsfwd', 'hsfwd.toml'), `
[peer.home]
key = "${KEY}"
[peer.hotel]
key = "${THIRD}"
[peer."$(touch run) ; touch run"]
key = "${OTHER}"
[peer."evil \`touch run\`"]
key_file = "/nowhere/$(touch run) 'x"
[[connect]]
peer = "home"
listen = ["2222:ssh", "2223:$(touch run)"]
`)
  return { folder, env: { PATH: `${folder}/bin:${process.env.PATH}`, HOME: folder, XDG_CONFIG_HOME: folder, TERM: 'dumb' } }
}

function nothingRun (folder) {
  for (const where of [folder, path.join(folder, 'a $(touch run) folder')]) {
    t.ok(!fs.existsSync(path.join(where, 'run')), 'nothing was run')
  }
}

function has (shell) { return !spawnSync(shell, ['-c', 'true']).error }

/** What bash and zsh do alike. */
async function inTerminal (shell, folder) {
  const becomes = async (typed, wanted) => t.equal((await shell.line(typed)).line, wanted, JSON.stringify(typed))
  await becomes('hsfwd netc\t', 'hsfwd netcheck ')
  await becomes('hsfwd ping --ver\t', 'hsfwd ping --verbose ')
  await becomes('hsfwd ping --log-format=j\t', 'hsfwd ping --log-format=json ')
  await becomes('hsfwd ping home\t', 'hsfwd ping home ')
  await becomes('hsfwd ping 8cc\t', `hsfwd ping ${KEY} `)
  await becomes('hsfwd ping zq7\t', `hsfwd ping ${OTHER_KEY} `)
  await becomes('hsfwd pipe home s\t', 'hsfwd pipe home ssh ')
  await becomes(`hsfwd connect ${KEY} -L 2222:s\t`, `hsfwd connect ${KEY} -L 2222:ssh `)
  await becomes('hsfwd check --config=hsf\thsf\t', 'hsfwd check --config=hsfwd/hsfwd.toml ')
  await becomes('hsfwd ping @hsf\thsf\t', 'hsfwd ping @hsfwd/hsfwd.toml ')
  await becomes('hsfwd ping @a\tone\t', 'hsfwd ping @a\\ \\$\\(touch\\ run\\)\\ folder/one.key ')
  await becomes('hsfwd run -- netst_none\t', 'hsfwd run -- netst_none')
  await becomes('hsfwd ping @/now\t', 'hsfwd ping @/now')
  await becomes('hsfwd ping \'$(touch run)\' `touch run` "$(touch run)\t', 'hsfwd ping \'$(touch run)\' `touch run` "$(touch run)')
  const named = await shell.line('hsfwd ping ho\t\tt\t')
  t.equal(named.line, 'hsfwd ping hotel ', 'a name that is typed on after a list')
  for (const word of [KEY, 'home', THIRD_KEY, 'hotel']) t.ok(named.shown.includes(word), `the list has ${word}: ${named.shown}`)
  const { line, shown } = await shell.line('hsfwd ping \t\t')
  t.equal(line, 'hsfwd ping ', 'with nothing in common')
  t.ok(shown.includes(KEY) && shown.includes('home') && shown.includes(OTHER_KEY), `peers with their names: ${shown}`)
  nothingRun(folder)
}

t.test('bash', async () => {
  if (!has('bash')) t.skip('there is no bash')
  const { folder, env } = place()
  const rc = path.join(folder, 'rc')
  fs.writeFileSync(rc, `cd ${folder}
. ${COMPLETIONS}/hsfwd.bash
bind 'set bell-style none'; bind 'set page-completions off'; bind 'set enable-bracketed-paste off'; bind 'set completion-query-items 0'
show() { printf '<<<%s>>>' "$READLINE_LINE"; READLINE_LINE=; READLINE_POINT=0; }
bind -x '"\\C-xp": show'
PS1='READY'
`)
  const shell = new Shell(`bash --noprofile --rcfile ${rc} -i`, env)
  await t.until(() => shell.text().includes('READY'), 'a prompt')
  await inTerminal(shell, folder)
})

t.test('zsh', async () => {
  if (!has('zsh')) t.skip('there is no zsh')
  const { folder, env } = place()
  fs.writeFileSync(path.join(folder, '.zshrc'), `cd ${folder}
fpath=(${COMPLETIONS} $fpath)
autoload -Uz compinit; compinit -u -D
unsetopt beep; setopt bash_auto_list; unsetopt menu_complete auto_menu always_last_prompt prompt_cr prompt_sp; LISTMAX=0
show() { print -rn -- "<<<$BUFFER>>>"; BUFFER= }
zle -N show; bindkey -e; bindkey '^Xp' show
# Not expand-or-complete, which runs what it expands, whatever is completed.
bindkey '^I' complete-word
PS1=READY
`)
  const shell = new Shell('zsh -d -i', { ...env, ZDOTDIR: folder })
  await t.until(() => shell.text().includes('READY'), 'a prompt')
  await inTerminal(shell, folder)
})

t.test('fish', async () => {
  if (!has('fish')) t.skip('there is no fish')
  const { folder, env } = place()
  const lines = (typed) => {
    const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', `source ${COMPLETIONS}/hsfwd.fish; complete -C $argv[1]`, '--', typed],
      { cwd: folder, env: { ...process.env, ...env }, encoding: 'utf8' })
    t.equal(stderr, '', `what fish says of ${typed}`)
    return stdout.split('\n').slice(0, -1).map((line) => line.split('\t'))
  }
  same(lines('hsfwd netc'), [['netcheck', 'examine the network this machine is in']], 'a command')
  same(lines('hsfwd ping --verb').map(([word]) => word), ['--verbose'], 'an option')
  same(lines('hsfwd ping --log-format=j'), [['--log-format=json']], 'a value in the same word')
  same(lines('hsfwd ping ho'), [['home', KEY], ['hotel', THIRD_KEY]], 'peers')
  same(lines('hsfwd ping 8c'), [[KEY, 'home']], 'a peer by its key')
  same(lines(`hsfwd connect ${KEY} -L 2222:`), [['2222:ssh']], 'a service')
  same(lines('hsfwd check --config=hsfwd/').map(([word]) => word), ['--config=hsfwd/hsfwd.toml'], 'a file')
  same(lines('hsfwd ping @hsfwd/').map(([word]) => word), ['@hsfwd/hsfwd.toml'], 'a file with a key')
  t.ok(lines('hsfwd run -- cat').some(([word]) => word === 'cat'), 'a program')
  lines('hsfwd ping "$(touch run)" (touch run) \'$(touch run)')
  lines('hsfwd run -- $(touch run)')
  nothingRun(folder)
})
