//! `report`: the page of a demo.
