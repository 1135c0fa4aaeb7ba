"use strict";
(function () {
  var order = new Intl.Collator("en", { numeric: true });

  function value(row, column) {
    var cell = row.cells[column];
    return cell.hasAttribute("data-v") ? Number(cell.getAttribute("data-v")) : cell.textContent;
  }

  function compare(one, other) {
    if (typeof one === "number") {
      // Cells without a value come last.
      return typeof other === "number" ? one - other : -1;
    }
    return typeof other === "number" ? 1 : order.compare(one, other);
  }

  function sort(table, column, up) {
    var rows = Array.from(table.tBodies[0].rows);
    rows.sort(function (one, other) {
      var result = compare(value(one, column), value(other, column));
      return up ? result : -result;
    });
    rows.forEach(function (row) {
      table.tBodies[0].appendChild(row);
    });
    Array.from(table.tHead.rows[0].cells).forEach(function (head, n) {
      if (n === column) {
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
      } else {
        head.removeAttribute("aria-sort");
      }
    });
  }

  function sortable(table) {
    Array.from(table.tHead.rows[0].cells).forEach(function (head, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.textContent = "";
      head.appendChild(button);
      button.addEventListener("click", function () {
        var before = head.getAttribute("aria-sort");
        var first = !head.classList.contains("n");
        sort(table, column, before ? before !== "ascending" : first);
      });
    });
  }

  function searchable(table) {
    var rows = Array.from(table.tBodies[0].rows);
    if (6 > rows.length) {
      return;
    }
    var texts = rows.map(function (row) {
      var owners = Array.from(row.querySelectorAll("[data-owner]")).map(function (cell) {
        return cell.getAttribute("data-owner");
      });
      return (row.textContent + " " + owners.join(" ")).toLowerCase();
    });
    var label = document.createElement("label");
    label.className = "find";
    var input = document.createElement("input");
    input.type = "search";
    input.placeholder = "Search these rows";
    input.setAttribute("aria-label", "Search the rows of " + table.id);
    var count = document.createElement("span");
    count.setAttribute("aria-live", "polite");
    label.appendChild(input);
    label.appendChild(count);
    table.parentNode.parentNode.insertBefore(label, table.parentNode);
    input.addEventListener("input", function () {
      var words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      var shown = 0;
      rows.forEach(function (row, n) {
        var found = words.every(function (word) {
          return texts[n].includes(word);
        });
        row.hidden = !found;
        shown += found ? 1 : 0;
      });
      count.textContent = words.length === 0 ? "" : shown + " of " + rows.length + " rows";
    });
  }

  document.querySelectorAll("table.data").forEach(function (table) {
    sortable(table);
    searchable(table);
  });
})();
