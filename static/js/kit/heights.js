// Rows of different heights: where each begins, and which one lies at a place. Both take O(log n).

export class Heights {
  #heights = new Float64Array(256);
  // A Fenwick tree over the heights: prefix sums that stay cheap while single rows change.
  #sums = new Float64Array(257);
  #length = 0;

  constructor(estimate) {
    this.estimate = estimate;
  }

  get length() {
    return this.#length;
  }

  get total() {
    return this.offset(this.#length);
  }

  // Rows added at the end have the estimated height until they are measured; fewer rows are cut off.
  resize(length) {
    const kept = Math.min(length, this.#length);
    if (length > this.#heights.length || length < this.#length) {
      const size = Math.max(256, 2 ** Math.ceil(Math.log2(Math.max(length, 1))));
      const heights = new Float64Array(size);
      heights.set(this.#heights.subarray(0, kept));
      this.#heights = heights;
      this.#sums = new Float64Array(size + 1);
      this.#length = kept;
      for (let i = 0; i < kept; i++) this.#add(i, heights[i]);
    }
    for (let i = kept; i < length; i++) {
      this.#heights[i] = this.estimate;
      this.#add(i, this.estimate);
    }
    this.#length = length;
  }

  // Forgets what was measured: at another width everything has another height.
  forget() {
    const length = this.#length;
    this.resize(0);
    this.resize(length);
  }

  height(index) {
    return this.#heights[index];
  }

  // Whether the height is news.
  set(index, height) {
    if (index < 0 || index >= this.#length || Math.abs(this.#heights[index] - height) < 0.01) return false;
    this.#add(index, height - this.#heights[index]);
    this.#heights[index] = height;
    return true;
  }

  // Where a row begins; the offset of `length` is where the last one ends.
  offset(index) {
    let sum = 0;
    for (let i = index; i > 0; i -= i & -i) sum += this.#sums[i];
    return sum;
  }

  // The row at a place; the first or last one beyond the ends, -1 where there is none.
  at(place) {
    if (!this.#length) return -1;
    let index = 0;
    let left = place;
    for (let step = this.#sums.length - 1; step > 0; step >>= 1) {
      if (index + step < this.#sums.length && this.#sums[index + step] <= left) {
        index += step;
        left -= this.#sums[index];
      }
    }
    return Math.min(index, this.#length - 1);
  }

  #add(index, change) {
    for (let i = index + 1; i < this.#sums.length; i += i & -i) this.#sums[i] += change;
  }
}
