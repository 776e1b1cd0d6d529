"""One file for each tab: it puts components into the page and says what their events do."""
