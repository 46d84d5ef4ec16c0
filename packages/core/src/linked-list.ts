/** An element carries its own links, so that joining and leaving are O(1) and allocate nothing. */
export interface Linked<T> {
  prev: T | undefined
  next: T | undefined
}

/** A doubly linked list. An element may be in one list at a time. */
export class LinkedList<T extends Linked<T>> {
  first: T | undefined = undefined
  last: T | undefined = undefined
  size = 0

  append(element: T): void {
    element.prev = this.last
    if (this.last === undefined) this.first = element
    else this.last.next = element
    this.last = element
    this.size++
  }

  prepend(element: T): void {
    element.next = this.first
    if (this.first === undefined) this.last = element
    else this.first.prev = element
    this.first = element
    this.size++
  }

  /** The element must be in this list. */
  remove(element: T): void {
    if (element.prev === undefined) this.first = element.next
    else element.prev.next = element.next
    if (element.next === undefined) this.last = element.prev
    else element.next.prev = element.prev
    element.prev = element.next = undefined
    this.size--
  }
}
