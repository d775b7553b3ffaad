/**
 * The Spread client: group messaging with total order and virtual synchrony.
 */
module spread {
    exports spread;
}
