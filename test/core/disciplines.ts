import type { Caller, Discipline } from './model.ts'

// What each queue is to do, in plain loops over the line.

export function fifo(): Discipline {
  return {
    join(line, newcomer, room) {
      line.push(newcomer)
      return line.length > room ? line.pop() : undefined
    },
    next: (line) => line[0],
  }
}

export function lifo(): Discipline {
  return {
    join(line, newcomer, room) {
      line.unshift(newcomer)
      return line.length > room ? line.pop() : undefined
    },
    next: (line) => line[0],
  }
}

export function byPriority(aging: number, floor: number): Discipline {
  const rank = ({ priority, came }: Caller): number =>
    aging === Infinity ? -priority : came - (aging && priority * aging)
  return {
    join(line, newcomer, room) {
      line.push(newcomer)
      if (line.length <= room) return undefined
      const placesOf = ({ priority }: Caller): number => line.filter((c) => c.priority === priority).length
      const above = line.filter((caller) => placesOf(caller) > floor)
      const candidates = above.length > 0 ? above : line
      const lowest = Math.min(...candidates.map(({ priority }) => priority))
      return takeOut(
        line,
        candidates.findLast(({ priority }) => priority === lowest),
      )
    },
    next: (line) => [...line].sort((a, b) => minus(rank(a), rank(b)) || minus(b.priority, a.priority))[0],
  }
}

type Key = string | undefined

export function fair(share: (key: Key) => number): Discipline {
  const start = new Map<Key, number>()
  const finish = new Map<Key, number>()
  const order = new Map<Key, number>()
  let virtualTime = 0
  let count = 0

  const of = (map: Map<Key, number>, key: Key): number => map.get(key) ?? 0
  const cost = ({ weight }: Caller): number => Math.max(weight, 1)
  const loadOf = (line: readonly Caller[], key: Key): number => {
    const work = line.filter((caller) => caller.key === key).map(cost)
    return work.reduce((a, b) => a + b, 0) / share(key)
  }

  return {
    join(line, newcomer, room) {
      if (line.length === 0) {
        finish.clear()
        virtualTime = 0
      }
      const { key } = newcomer
      const others = line.filter((caller) => caller.key !== key)
      const [greediest] = others
        .map((caller) => ({ key: caller.key, load: loadOf(line, caller.key), order: of(order, caller.key) }))
        .sort((a, b) => b.load - a.load || b.order - a.order)
      const full = line.length >= room
      if (full && !(greediest !== undefined && greediest.load > loadOf([...line, newcomer], key))) {
        return newcomer
      }
      if (!line.some((caller) => caller.key === key)) {
        start.set(key, Math.max(virtualTime, of(finish, key)))
        order.set(key, ++count)
      }
      line.push(newcomer)
      if (!full) return undefined
      return takeOut(
        line,
        line.findLast((caller) => caller.key === greediest?.key),
      )
    },
    next(line) {
      const due = (a: Caller, b: Caller): number => of(start, a.key) - of(start, b.key)
      return [...line].sort((a, b) => due(a, b) || of(order, a.key) - of(order, b.key))[0]
    },
    serve(served) {
      const { key } = served
      const due = of(start, key)
      virtualTime = Math.max(virtualTime, due)
      finish.set(key, due + cost(served) / share(key))
      start.set(key, of(finish, key))
      order.set(key, ++count)
    },
  }
}

export function partitioned(shares: Record<string, number>): Discipline {
  const names = Object.keys(shares)
  const together = names.reduce((sum, name) => sum + (shares[name] ?? 0), 0)
  const state = [...names, 'others'].map((name) => ({ name, inUse: 0, start: 0, finish: 0, served: 0 }))
  type State = (typeof state)[number]
  const stateOf = ({ key }: Caller): State =>
    (state.find(({ name }) => name === key) ?? state.at(-1)) as State
  const shareOf = ({ name }: State, limit: number): number => shares[name] ?? Math.max(0, limit - together)
  let virtualTime = 0
  let count = 0

  return {
    join(line, newcomer, room) {
      const mine = stateOf(newcomer)
      const before = line.filter((caller) => stateOf(caller) === mine).length
      if (before >= room) return newcomer
      if (before === 0) mine.start = Math.max(virtualTime, mine.finish)
      line.push(newcomer)
      return undefined
    },
    next(line, limit) {
      const waiting = state.filter((one) => line.some((caller) => stateOf(caller) === one))
      const below = waiting.filter((one) => one.inUse < shareOf(one, limit))
      const rank = (one: State): number => (below.length > 0 ? one.inUse / shareOf(one, limit) : one.start)
      const [first] = [...(below.length > 0 ? below : waiting)].sort(
        (a, b) => rank(a) - rank(b) || a.served - b.served,
      )
      return line.find((caller) => stateOf(caller) === first)
    },
    serve(served, _, limit) {
      const mine = stateOf(served)
      mine.served = ++count
      if (mine.inUse < shareOf(mine, limit)) return
      virtualTime = Math.max(virtualTime, mine.start)
      mine.finish = mine.start + Math.max(1, served.weight) / Math.max(1, shareOf(mine, limit))
      mine.start = mine.finish
    },
    take(caller) {
      stateOf(caller).inUse += caller.weight
    },
    give(caller) {
      stateOf(caller).inUse -= caller.weight
    },
  }
}

function takeOut(line: Caller[], caller: Caller | undefined): Caller | undefined {
  return caller && line.splice(line.indexOf(caller), 1)[0]
}

/** Also of two endless numbers. */
function minus(a: number, b: number): number {
  return a === b ? 0 : a - b
}
